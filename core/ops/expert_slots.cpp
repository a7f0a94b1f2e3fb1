#include "core/ops/expert_slots.hpp"

#include "core/kernels/row_plan.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/pointers.hpp"

#include <numeric>

namespace sluice::ops {
namespace {

void kernel_slots(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) {
  kernels::expert_slots(data_of<const std::int64_t>(experts), experts.size(0), experts.size(1), counts.size(0),
                        data_of<std::int64_t>(counts), data_of<std::int64_t>(order), data_of<std::int64_t>(slots));
}

void composed_slots(const at::Tensor& experts, const at::Tensor& counts, const at::Tensor& order, const at::Tensor& slots) {
  const at::Tensor flat = experts.view({-1}), dropped = flat < 0;
  const at::Tensor keys = flat.masked_fill(dropped, counts.size(0));  // the dropped come last
  const at::Tensor with_dropped = at::zeros({counts.size(0) + 1}, counts.options()).scatter_add_(0, keys, at::ones_like(keys));
  counts.copy_(with_dropped.narrow(0, 0, counts.size(0)));
  order.copy_(at::argsort(keys, /*stable=*/true, 0, /*descending=*/false));
  const at::Tensor places = slots.view({-1});
  places.scatter_(0, order, at::arange(order.size(0), order.options()));
  places.masked_fill_(dropped, -1);
}

void kernel_capacity(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts,
                     const at::Tensor& kept) {
  kernels::within_capacity(data_of<const std::int64_t>(experts), data_of<const std::int64_t>(sequence),
                           data_of<const std::int64_t>(capacity), experts.size(0), experts.size(1), num_experts,
                           data_of<std::int64_t>(kept));
}

// A stable sort by (sequence, expert) gives each entry a position. Less the position where its (sequence, expert) begins, it is the number
// of earlier entries with the same sequence and expert.
void composed_capacity(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts,
                       const at::Tensor& kept) {
  const at::Tensor keys = (sequence.unsqueeze(1) * num_experts + experts).view({-1});
  const at::Tensor counts = at::zeros({capacity.size(0) * num_experts}, keys.options()).scatter_add_(0, keys, at::ones_like(keys));
  const at::Tensor begin = counts.cumsum(0) - counts;
  const at::Tensor order = at::argsort(keys, /*stable=*/true, 0, /*descending=*/false);
  const at::Tensor place = at::empty_like(keys).scatter_(0, order, at::arange(order.size(0), order.options())) - begin.gather(0, keys);
  const at::Tensor most = capacity.gather(0, sequence).unsqueeze(1);
  kept.copy_(experts.masked_fill(place.view(experts.sizes()) >= most, -1));
}

}  // namespace

ExpertSlots expert_slots(const at::Tensor& experts, std::int64_t num_experts) {
  const Arguments arguments("expert_slots", experts);
  arguments.check("experts", experts, at::kLong, {-1, -1});
  ExpertSlots made = {at::empty({num_experts}, experts.options()), at::empty({experts.numel()}, experts.options()),
                      at::empty_like(experts)};
  const auto cuda = cuda_operations().expert_slots;
  run(experts, kernel_slots, composed_slots, cuda, experts, made.counts, made.order, made.slots);
  if (backend_of(experts.device(), cuda != nullptr) != Backend::kCpuKernels) return made;
  const auto* first = data_of<const std::int64_t>(made.counts);
  made.order = made.order.narrow(0, 0, std::accumulate(first, first + num_experts, std::int64_t{0}));
  return made;
}

at::Tensor within_capacity(const at::Tensor& experts, const at::Tensor& sequence, const at::Tensor& capacity, std::int64_t num_experts) {
  const Arguments arguments("within_capacity", experts);
  arguments.check("experts", experts, at::kLong, {-1, -1});
  arguments.check("sequence", sequence, at::kLong, {experts.size(0)});
  arguments.check("capacity", capacity, at::kLong, {-1});
  at::Tensor kept = at::empty_like(experts);
  run(experts, kernel_capacity, composed_capacity, cuda_operations().within_capacity, experts, sequence, capacity, num_experts, kept);
  return kept;
}

}  // namespace sluice::ops
