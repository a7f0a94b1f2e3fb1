// Raw access is checked: strides, element type, presence; gaps are never read as if they were not there.
#include "core/tensor/pointers.hpp"

#include "core/nn/cross_entropy.hpp"
#include "core/nn/parameter_set.hpp"
#include "core/tensor/error_line.hpp"
#include "core/tensor/tensor.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;

namespace {

template <class Work>
bool says(const Work& work, const std::string& part) {
  try {
    work();
  } catch (const std::exception& error) {
    return std::string(as_error(error).what()).find(part) != std::string::npos;
  }
  return false;
}

}  // namespace

TEST_CASE("data_of gives the memory of a contiguous tensor of its type") {
  const at::Tensor x = at::arange(6, at::kFloat).view({2, 3});
  CHECK(data_of<const float>(x)[5] == 5.0f);
  CHECK(data_of<float>(x.narrow(0, 1, 1))[0] == 3.0f);  // a row alone has no gaps
  CHECK(data_of<const std::int64_t>(at::tensor({7}, at::kLong))[0] == 7);
  CHECK(data_of<const kernels::BFloat16>(at::ones({1}, at::kBFloat16))->bits == 0x3f80);
  CHECK_NOTHROW(data_of<float>(at::empty({0, 3}, at::kFloat)));
}

TEST_CASE("data_of refuses views with gaps, other types and no tensor") {
  const at::Tensor x = at::arange(6, at::kFloat).view({2, 3});
  CHECK(says([&] { data_of<float>(x.t()); }, "shape [3, 2] with strides [1, 3] on cpu, expected contiguous memory"));
  CHECK_THROWS(data_of<float>(x.narrow(1, 1, 1).reshape({2})));  // every third element: reshape keeps the view
  CHECK_THROWS(data_of<float>(at::ones({1}, at::kFloat).expand({4})));
  CHECK(says([&] { data_of<double>(x); }, "elements of type Float as Double"));
  CHECK_THROWS(data_of<const std::int32_t>(at::tensor({7}, at::kLong)));
  CHECK_THROWS(data_of<float>(at::Tensor()));
  CHECK_THROWS(data_of<float>(at::empty({2}, at::TensorOptions().dtype(at::kFloat).device(at::kMeta))));
}

TEST_CASE("an operation handed targets with gaps refuses them instead of reading between") {
  Parameter head = Parameter::make("head", {5, 4}, at::kDouble);
  ParameterSet parameters({&head});
  const at::Tensor pairs = at::tensor({1, 2, 3, 4}, at::kLong).view({2, 2});
  const at::Tensor x = at::ones({2, 4}, at::kDouble);
  CHECK_THROWS(token_nll(x, pairs.select(1, 1), head));
  CHECK_NOTHROW(token_nll(x, pairs.select(1, 1).contiguous(), head));
}
