#include "parallel/routing_plan.hpp"

#include "core/ops/expert_slots.hpp"

namespace sluice::parallel {
namespace {

// The memory of a plan's integers as a tensor.
template <class Integer>
at::Tensor view_of(std::vector<Integer>& integers, at::IntArrayRef shape) {
  return at::from_blob(integers.data(), shape, at::TensorOptions().dtype(c10::CppTypeToScalarType<Integer>::value));
}

}  // namespace

RoutingPlan make_routing_plan(std::vector<std::int32_t> experts, std::int64_t tokens, std::int64_t experts_per_token, std::int64_t num_experts) {
  RoutingPlan plan;
  plan.tokens = tokens;
  plan.experts_per_token = experts_per_token;
  plan.num_experts = num_experts;
  plan.experts = std::move(experts);
  plan.counts.resize(static_cast<std::size_t>(num_experts));
  plan.order.resize(plan.experts.size());
  plan.slot.resize(plan.experts.size());
  const std::int64_t pairs = tokens * experts_per_token;
  ops::expert_slots_out(view_of(plan.experts, {tokens, experts_per_token}), view_of(plan.counts, {num_experts}),
                        view_of(plan.order, {pairs}), view_of(plan.slot, {pairs}));
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
