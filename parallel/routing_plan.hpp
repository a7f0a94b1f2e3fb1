// The integer plan of a token exchange: which experts each row goes to, and in what order. Tensors on the rows' device, int64.
// Slots are ordered by (expert, token, k), never by arrival.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <vector>

namespace sluice::parallel {

struct RoutingPlan {
  at::Tensor counts;  // [E] local rows per global expert
  at::Tensor order;   // [S] sorted position -> flat (n*K + k)
  at::Tensor token;   // [S] sorted position -> row n
  at::Tensor slot;    // [N, K] -> sorted position; -1 = dropped

  std::int64_t tokens() const { return slot.size(0); }
  std::int64_t experts_per_token() const { return slot.size(1); }
  std::int64_t num_experts() const { return counts.size(0); }
};

/// Sorts the (token, k) pairs of experts [N, K] (global ids, -1: dropped) by expert, stably. S is the number of pairs that go somewhere
/// where that is known without waiting for a device (core/ops/expert_slots.hpp), else N*K, with the dropped behind all others.
RoutingPlan make_routing_plan(const at::Tensor& experts, std::int64_t num_experts);

/// Rows that each rank of an expert group of `group_size` receives from a plan with these counts: sums over its block of experts.
std::vector<std::int64_t> rows_per_member(const std::vector<std::int64_t>& counts, int group_size);

}  // namespace sluice::parallel
