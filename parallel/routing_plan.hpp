// The integer plan of a token exchange: which experts each row goes to, and in what order. Values only, tested without ranks.
// Slots are ordered by (expert, token, k), never by arrival.
#pragma once

#include <cstdint>
#include <vector>

namespace sluice::parallel {

struct RoutingPlan {
  std::int64_t tokens = 0;             // N local rows
  std::int64_t experts_per_token = 0;  // K
  std::int64_t num_experts = 0;        // E, global
  std::vector<std::int32_t> experts;   // [N*K] global expert ids; -1 = dropped
  std::vector<std::int64_t> counts;    // [E] local rows per expert
  std::vector<std::int64_t> order;     // [R] sorted position -> flat (n*K + k)
  std::vector<std::int64_t> slot;      // [N*K] flat -> sorted position; -1 = dropped
  std::vector<std::int64_t> token;     // [R] sorted position -> row n

  std::int64_t routed() const { return static_cast<std::int64_t>(order.size()); }
};

/// Sorts the (token, k) pairs by expert, stably. `experts` [N*K].
RoutingPlan make_routing_plan(std::vector<std::int32_t> experts, std::int64_t tokens, std::int64_t experts_per_token, std::int64_t num_experts);

/// Rows that rank `d` of an expert group of `group_size` receives from this plan: sums of counts over its block of experts.
std::vector<std::int64_t> rows_per_member(const RoutingPlan& plan, int group_size);

}  // namespace sluice::parallel
