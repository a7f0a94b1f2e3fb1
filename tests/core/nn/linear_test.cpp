// A product with a weight: gradients of the plain form and of filled numerics slots.
#include "core/nn/linear.hpp"

#include "core/base/random.hpp"
#include "core/nn/parameter_set.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/finite_differences.hpp"

#include <vector>

using namespace sluice;
using sluice::testing::gradient_error;

namespace {

at::Tensor normal(std::int64_t rows, std::int64_t columns, const char* name) {
  std::vector<double> values;
  for (std::int64_t i = 0; i < rows * columns; ++i) values.push_back(random_normal(random_key(6, name), static_cast<std::uint64_t>(i)));
  return at::tensor(values, at::kDouble).view({rows, columns});
}

}  // namespace

TEST_CASE("gradients of linear, with and without numerics") {
  const auto bend = [](const at::Tensor& w) { return at::tanh(w) * 1.5; };
  const auto square = [](const at::Tensor& x) { return x * x; };
  for (const Numerics& numerics : {Numerics{}, Numerics{bend, nullptr}, Numerics{nullptr, square}, Numerics{bend, square}}) {
    INFO("weight transform " << static_cast<bool>(numerics.weight) << ", input transform " << static_cast<bool>(numerics.input));
    Parameter weight = Parameter::make("w", {3, 4}, at::kDouble);
    weight.value.copy_(normal(3, 4, "w"));
    ParameterSet parameters({&weight});
    at::Tensor x = normal(5, 4, "x").set_requires_grad(true);
    const at::Tensor dy = normal(5, 3, "dy");
    const auto loss = [&] { return (linear(x, weight, numerics) * dy).sum(); };
    const auto value = [&] {
      at::NoGradGuard no_grad;
      return loss().item<double>();
    };
    loss().backward();
    CHECK(gradient_error(weight.value, weight.gradient.sum(), value) <= 1e-7);
    CHECK(gradient_error(x, x.grad(), value) <= 1e-7);
    // A second backward adds, as accumulation does.
    const at::Tensor once = weight.gradient.sum().clone();
    loss().backward();
    CHECK(at::allclose(weight.gradient.sum(), 2 * once, 1e-12, 1e-12));
  }
}

TEST_CASE("a numerics slot that changes nothing gives the same product") {
  Parameter weight = Parameter::make("w", {3, 4}, at::kDouble);
  weight.value.copy_(normal(3, 4, "w"));
  const at::Tensor x = normal(5, 4, "x");
  const Numerics same = {[](const at::Tensor& w) { return w; }, [](const at::Tensor& t) { return t; }};
  CHECK(at::allclose(linear(x, weight, same), linear(x, weight), 1e-14, 1e-14));
}
