#include "parallel/routing_plan.hpp"

#include "core/ops/expert_slots.hpp"

namespace sluice::parallel {

RoutingPlan make_routing_plan(const at::Tensor& experts, std::int64_t num_experts) {
  const ops::ExpertSlots made = ops::expert_slots(experts, num_experts);
  return {made.counts, made.order, made.order.div(experts.size(1), "floor"), made.slots};
}

std::vector<std::int64_t> rows_per_member(const std::vector<std::int64_t>& counts, int group_size) {
  const std::size_t block = counts.size() / static_cast<std::size_t>(group_size);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(group_size), 0);
  for (std::size_t e = 0; e < counts.size(); ++e) rows[e / block] += counts[e];
  return rows;
}

}  // namespace sluice::parallel
