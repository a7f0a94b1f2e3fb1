#include "core/kernels/cuda/cross_entropy.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void form(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales) {
  SLUICE_DISPATCH(logits.scalar_type(), [&] {
    kernels::cuda::cross_entropy(device_data<T>(logits), device_data<const std::int64_t>(targets), logits.size(0), logits.size(1),
                                 device_data<A>(nll), device_data<const A>(scales), current_stream());
  });
}

}  // namespace

void add_cross_entropy_forms(CudaOperations& table) { table.cross_entropy = form; }

}  // namespace sluice::ops
