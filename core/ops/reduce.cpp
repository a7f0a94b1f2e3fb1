#include "core/ops/reduce.hpp"

#include "core/kernels/reduce.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

#include <vector>

namespace sluice::ops {
namespace {

void kernel_squares(const at::Tensor& values, const at::Tensor& sum) {
  SLUICE_DISPATCH(values.scalar_type(), [&] { sum.fill_(kernels::sum_of_squares(data_of<const A>(values), values.numel())); });
}

// Works piece by piece, so that there is never a float64 copy of the whole.
void composed_squares(const at::Tensor& values, const at::Tensor& sum) {
  constexpr std::int64_t kPiece = std::int64_t{1} << 22;
  std::vector<at::Tensor> sums;
  for (const at::Tensor& piece : values.view({-1}).split(kPiece)) sums.push_back(piece.to(at::kDouble).square().sum());
  sum.copy_(at::stack(sums).sum());
}

void kernel_finite(const at::Tensor& values, const at::Tensor& finite) {
  SLUICE_DISPATCH(values.scalar_type(), [&] { finite.fill_(kernels::all_finite(data_of<const A>(values), values.numel())); });
}

// If there is a NaN, the smallest and the largest value are NaN; and x - x is NaN for every x that is not finite. This way no tensor as
// large as `values` is allocated.
void composed_finite(const at::Tensor& values, const at::Tensor& finite) {
  if (values.numel() == 0) {
    finite.fill_(true);
    return;
  }
  const auto [smallest, largest] = at::aminmax(values.view({-1}), 0);
  finite.copy_(((smallest - smallest) + (largest - largest)).eq(0.0));
}

void check(const char* operation, const at::Tensor& values) {
  const Arguments arguments(operation, values);
  arguments.check("values", values, accumulate_type(values.scalar_type()), values.sizes());
}

}  // namespace

at::Tensor square_sum(const at::Tensor& values) {
  check("square_sum", values);
  at::Tensor sum = at::empty({}, values.options().dtype(at::kDouble));
  run(values, kernel_squares, composed_squares, cuda_operations().square_sum, values, sum);
  return sum;
}

double sum_of_squares(const at::Tensor& values) { return square_sum(values).item<double>(); }

at::Tensor finite(const at::Tensor& values) {
  check("finite", values);
  at::Tensor result = at::empty({}, values.options().dtype(at::kBool));
  run(values, kernel_finite, composed_finite, cuda_operations().finite, values, result);
  return result;
}

bool all_finite(const at::Tensor& values) { return finite(values).item<bool>(); }

}  // namespace sluice::ops
