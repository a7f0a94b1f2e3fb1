#include "parallel/routing_plan.hpp"

#include "core/kernels/row_plan.hpp"

namespace sluice::parallel {

RoutingPlan make_routing_plan(std::vector<std::int32_t> experts, std::int64_t tokens, std::int64_t experts_per_token, std::int64_t num_experts) {
  RoutingPlan plan;
  plan.tokens = tokens;
  plan.experts_per_token = experts_per_token;
  plan.num_experts = num_experts;
  plan.experts = std::move(experts);
  plan.counts.resize(static_cast<std::size_t>(num_experts));
  plan.order.resize(plan.experts.size());
  plan.slot.resize(plan.experts.size());
  kernels::expert_slots(plan.experts.data(), tokens, experts_per_token, num_experts, plan.counts.data(), plan.order.data(), plan.slot.data());
  std::int64_t routed = 0;
  for (const std::int64_t count : plan.counts) routed += count;
  plan.order.resize(static_cast<std::size_t>(routed));
  plan.token.reserve(plan.order.size());
  for (const std::int64_t flat : plan.order) plan.token.push_back(flat / experts_per_token);
  return plan;
}

std::vector<std::int64_t> rows_per_member(const RoutingPlan& plan, int group_size) {
  const std::int64_t block = plan.num_experts / group_size;
  std::vector<std::int64_t> rows(static_cast<std::size_t>(group_size), 0);
  for (std::int64_t e = 0; e < plan.num_experts; ++e) rows[static_cast<std::size_t>(e / block)] += plan.counts[static_cast<std::size_t>(e)];
  return rows;
}

}  // namespace sluice::parallel
