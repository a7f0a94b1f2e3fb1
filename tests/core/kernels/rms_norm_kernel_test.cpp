#include "core/kernels/rms_norm.hpp"
#include "tests/core/kernels/kernel_testing.hpp"

using namespace sluice::kernels;
using namespace sluice::kernels::testing;

namespace {

constexpr double kEps = 1e-6;

template <class T>
void compare_with_reference(std::int64_t rows, std::int64_t width) {
  using A = AccumulateOf<T>;
  INFO("rows " << rows << " width " << width << " element size " << sizeof(T));
  const auto x = random_values<T>(rows * width, "x", 3), residual = random_values<T>(rows * width, "residual");
  const auto weight = random_values<A>(width, "weight");
  const auto dy = random_values<T>(rows * width, "dy");

  std::vector<T> y(x.size()), y_expected(x.size());
  std::vector<A> inverse(rows), inverse_expected(rows);
  rms_norm_forward(x.data(), weight.data(), rows, width, kEps, y.data(), inverse.data());
  reference::rms_norm_forward(x.data(), weight.data(), rows, width, kEps, y_expected.data(), inverse_expected.data());
  check_close(y, y_expected, kTolerance<T>, 0.1);
  check_close(inverse, inverse_expected, kTolerance<A>);

  std::vector<T> sum(x.size()), sum_expected(x.size());
  for (std::size_t i = 0; i < x.size(); ++i)
    if constexpr (sizeof(T) == 8) sum_expected[i] = x[i] + residual[i];
    else narrow(widen(x[i]) + widen(residual[i]), sum_expected[i]);
  add_rms_norm_forward(x.data(), residual.data(), weight.data(), rows, width, kEps, sum.data(), y.data(), inverse.data());
  reference::rms_norm_forward(sum_expected.data(), weight.data(), rows, width, kEps, y_expected.data(), inverse_expected.data());
  CHECK(same_bits(sum, sum_expected));
  check_close(y, y_expected, kTolerance<T>, 0.1);
  check_close(inverse, inverse_expected, kTolerance<A>);

  // A single element is its own norm: its gradient is the small difference of large numbers.
  const double dx_floor = width == 1 ? 10 : 0.1;
  std::vector<T> dx(x.size()), dx_expected(x.size());
  std::vector<A> dweight(width, A(9)), dweight_expected(width);
  const double many = std::sqrt(static_cast<double>(rows) + 1);
  rms_norm_backward(dy.data(), sum.data(), weight.data(), inverse_expected.data(), rows, width, dx.data(), dweight.data());
  reference::rms_norm_backward(dy.data(), sum.data(), weight.data(), inverse_expected.data(), rows, width, dx_expected.data(),
                               dweight_expected.data());
  check_close(dx, dx_expected, kTolerance<T>, dx_floor);
  check_close(dweight, dweight_expected, kTolerance<A>, many);
}

}  // namespace

TEST_CASE("rms_norm equals its reference") {
  for_each_instruction_set([] {
    for (const std::int64_t rows : {0, 1, 3, 700}) {
      for (const std::int64_t width : {1, 7, 16, 32, 37, 64, 96, 128, 300}) {
        compare_with_reference<float>(rows, width);
        compare_with_reference<double>(rows, width);
        compare_with_reference<BFloat16>(rows, width);
      }
    }
    compare_with_reference<float>(5, 4099);
    compare_with_reference<BFloat16>(5, 4099);
  });
}

TEST_CASE("rms_norm gradients equal finite differences") {
  const std::int64_t rows = 3, width = 19;
  auto x = random_values<double>(rows * width, "x"), weight = random_values<double>(width, "w");
  const auto dy = random_values<double>(rows * width, "dy");
  std::vector<double> y(x.size()), inverse(rows), dx(x.size()), dweight(width);
  const auto loss = [&] {
    rms_norm_forward(x.data(), weight.data(), rows, width, 1e-3, y.data(), inverse.data());
    return dot(y, dy);
  };
  loss();
  rms_norm_backward(dy.data(), x.data(), weight.data(), inverse.data(), rows, width, dx.data(), dweight.data());
  check_close(dx, finite_differences(x, loss), 1e-8);
  check_close(dweight, finite_differences(weight, loss), 1e-8);
}

TEST_CASE("rms_norm works in place") {
  const std::int64_t rows = 5, width = 50;
  const auto x = random_values<float>(rows * width, "x"), residual = random_values<float>(rows * width, "r");
  const auto weight = random_values<float>(width, "w"), dy = random_values<float>(rows * width, "dy");
  std::vector<float> y(x.size()), sum(x.size()), inverse(rows), dx(x.size()), dweight(width);
  add_rms_norm_forward(x.data(), residual.data(), weight.data(), rows, width, kEps, sum.data(), y.data(), inverse.data());
  rms_norm_backward(dy.data(), sum.data(), weight.data(), inverse.data(), rows, width, dx.data(), dweight.data());
  auto in_place = residual, y_in_place = y, gradient = dy;
  add_rms_norm_forward(x.data(), in_place.data(), weight.data(), rows, width, kEps, in_place.data(), y_in_place.data(), inverse.data());
  CHECK(same_bits(in_place, sum));
  CHECK(same_bits(y_in_place, y));
  rms_norm_forward(in_place.data(), weight.data(), rows, width, kEps, in_place.data(), inverse.data());
  CHECK(same_bits(in_place, y));
  rms_norm_backward(gradient.data(), sum.data(), weight.data(), inverse.data(), rows, width, gradient.data(), dweight.data());
  CHECK(same_bits(gradient, dx));
}

TEST_CASE("rms_norm does not depend on threads") {
  const std::int64_t rows = 3001, width = 40;
  const auto x = random_values<float>(rows * width, "x"), dy = random_values<float>(rows * width, "dy");
  const auto weight = random_values<float>(width, "w");
  check_threads_do_not_matter([&] {
    std::vector<float> all(x.size()), inverse(rows), dx(x.size()), dweight(width);
    rms_norm_forward(x.data(), weight.data(), rows, width, kEps, all.data(), inverse.data());
    rms_norm_backward(dy.data(), x.data(), weight.data(), inverse.data(), rows, width, dx.data(), dweight.data());
    append(all, inverse);
    append(all, dx);
    append(all, dweight);
    return all;
  });
}
