#include "core/kernels/cuda/row_plan.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void slots(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) {
  const std::int64_t entries = experts.numel(), num_experts = counts.size(0);
  const at::Tensor scratch = at::empty({kernels::cuda::expert_slots_scratch(entries, num_experts)}, counts.options());
  kernels::cuda::expert_slots(device_data<const std::int64_t>(experts), entries, num_experts, device_data<std::int64_t>(counts),
                              device_data<std::int64_t>(order), device_data<std::int64_t>(slots), device_data<std::int64_t>(scratch),
                              current_stream());
}

void capacity(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts,
              const at::Tensor& kept) {
  const at::Tensor scratch = at::empty({capacity.size(0), num_experts}, experts.options().dtype(at::kInt));
  kernels::cuda::within_capacity(device_data<const std::int64_t>(experts), device_data<const std::int64_t>(sequence),
                                 device_data<const std::int64_t>(capacity), experts.size(0), experts.size(1), num_experts, capacity.size(0),
                                 device_data<std::int64_t>(kept), device_data<std::int32_t>(scratch), current_stream());
}

}  // namespace

void add_expert_slots_forms(CudaOperations& table) {
  table.expert_slots = slots;
  table.within_capacity = capacity;
}

}  // namespace sluice::ops
