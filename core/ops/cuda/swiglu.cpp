#include "core/kernels/cuda/swiglu.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void forward(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h) {
  SLUICE_DISPATCH(h.scalar_type(), [&] {
    kernels::cuda::swiglu_forward(device_data<const T>(gate_up), device_data<const A>(row_weights), h.size(0), h.size(1), device_data<T>(h),
                                  current_stream());
  });
}

void backward(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
              const at::Tensor& d_row_weights, const at::Tensor& h) {
  SLUICE_DISPATCH(dh.scalar_type(), [&] {
    kernels::cuda::swiglu_backward(device_data<const T>(dh), device_data<const T>(gate_up), device_data<const A>(row_weights), dh.size(0),
                                   dh.size(1), device_data<T>(d_gate_up), device_data<A>(d_row_weights), device_data<T>(h),
                                   current_stream());
  });
}

}  // namespace

void add_swiglu_forms(CudaOperations& table) {
  table.swiglu = forward;
  table.swiglu_backward = backward;
}

}  // namespace sluice::ops
