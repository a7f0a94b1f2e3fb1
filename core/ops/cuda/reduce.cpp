#include "core/kernels/cuda/reduce.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void squares(const at::Tensor& values, const at::Tensor& sum) {
  const at::Tensor parts = at::empty({kernels::cuda::sum_of_squares_parts(values.numel())}, sum.options());
  SLUICE_DISPATCH(values.scalar_type(), [&] {
    kernels::cuda::sum_of_squares(device_data<const A>(values), values.numel(), device_data<double>(sum), device_data<double>(parts),
                                  current_stream());
  });
}

void finite(const at::Tensor& values, const at::Tensor& finite) {
  SLUICE_DISPATCH(values.scalar_type(), [&] {
    kernels::cuda::all_finite(device_data<const A>(values), values.numel(), device_data<bool>(finite), current_stream());
  });
}

}  // namespace

void add_reduce_forms(CudaOperations& table) {
  table.square_sum = squares;
  table.finite = finite;
}

}  // namespace sluice::ops
