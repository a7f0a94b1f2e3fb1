#include "core/ops/expert_slots.hpp"

#include "core/kernels/row_plan.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void kernel_form(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) {
  kernels::expert_slots(data_of<const std::int32_t>(experts), experts.size(0), experts.size(1), counts.size(0),
                        data_of<std::int64_t>(counts), data_of<std::int64_t>(order), data_of<std::int64_t>(slots));
}

void composed_form(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) {
  const at::Tensor flat = experts.view({-1}).to(at::kLong), dropped = flat < 0;
  const at::Tensor keys = flat.masked_fill(dropped, counts.size(0));  // the dropped come last
  const at::Tensor with_dropped = at::zeros({counts.size(0) + 1}, counts.options()).scatter_add_(0, keys, at::ones_like(keys));
  counts.copy_(with_dropped.narrow(0, 0, counts.size(0)));
  order.copy_(at::argsort(keys, /*stable=*/true, 0, /*descending=*/false));
  slots.scatter_(0, order, at::arange(order.size(0), order.options()));
  slots.masked_fill_(dropped, -1);
}

}  // namespace

void expert_slots_out(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) {
  const Arguments arguments("expert_slots", experts);
  arguments.check("experts", experts, at::kInt, {-1, -1});
  arguments.check("counts", counts, at::kLong, {-1});
  arguments.check("order", order, at::kLong, {experts.numel()});
  arguments.check("slots", slots, at::kLong, {experts.numel()});
  run(experts, kernel_form, composed_form, cuda_operations().expert_slots, experts, counts, order, slots);
}

}  // namespace sluice::ops
