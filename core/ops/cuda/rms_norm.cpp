#include "core/kernels/cuda/rms_norm.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

std::int64_t rows_of(const at::Tensor& x, const at::Tensor& weight) { return x.numel() / weight.numel(); }

void forward(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& y, const at::Tensor& inverse_rms) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::cuda::rms_norm_forward(device_data<const T>(x), device_data<const A>(weight), rows_of(x, weight), weight.numel(), eps,
                                    device_data<T>(y), device_data<A>(inverse_rms), current_stream());
  });
}

void add_forward(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps, const at::Tensor& sum,
                 const at::Tensor& y, const at::Tensor& inverse_rms) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::cuda::add_rms_norm_forward(device_data<const T>(x), device_data<const T>(residual), device_data<const A>(weight),
                                        rows_of(x, weight), weight.numel(), eps, device_data<T>(sum), device_data<T>(y),
                                        device_data<A>(inverse_rms), current_stream());
  });
}

void backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms, const at::Tensor& dx,
              const at::Tensor& dweight) {
  const at::Tensor partial = at::empty({kernels::cuda::rms_norm_groups(rows_of(x, weight)), weight.numel()}, weight.options());
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::cuda::rms_norm_backward(device_data<const T>(dy), device_data<const T>(x), device_data<const A>(weight),
                                     device_data<const A>(inverse_rms), rows_of(x, weight), weight.numel(), device_data<T>(dx),
                                     device_data<A>(dweight), device_data<A>(partial), current_stream());
  });
}

}  // namespace

void add_rms_norm_forms(CudaOperations& table) {
  table.rms_norm = forward;
  table.add_rms_norm = add_forward;
  table.rms_norm_backward = backward;
}

}  // namespace sluice::ops
