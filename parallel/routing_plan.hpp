// The plan of a token exchange: to which experts each row goes, and in what order. Its tensors are int64, on the device of the rows.
// Legend: N rows (tokens) of this rank, K experts per row, E experts of the whole model, S sorted positions. Positions are ordered by
// (expert, token, k), never by arrival.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <vector>

namespace sluice::parallel {

struct RoutingPlan {
  at::Tensor counts;  // [E] how many of this rank's (token, k) pairs go to each expert
  at::Tensor order;   // [S] flat index n*K + k of the pair at each sorted position
  at::Tensor token;   // [S] row n of the pair at each sorted position
  at::Tensor slot;    // [N, K] sorted position of each pair; -1 if it is dropped

  std::int64_t tokens() const { return slot.size(0); }
  std::int64_t experts_per_token() const { return slot.size(1); }
};

/// Sorts the (token, k) pairs by expert, stably. experts [N, K] holds expert numbers of the whole model, -1 for a dropped pair. S is the
/// number of pairs that are not dropped, if that is known without waiting for a device (core/ops/expert_slots.hpp); otherwise S is N*K,
/// with the dropped pairs last. Throws what ops::expert_slots() throws.
RoutingPlan make_routing_plan(const at::Tensor& experts, std::int64_t num_experts);

/// Returns, for each of the `group_size` ranks of an expert group, how many rows a plan with these counts [E] sends to it: the sum over the
/// block of E / group_size experts that it owns.
std::vector<std::int64_t> rows_per_member(const std::vector<std::int64_t>& counts, int group_size);

}  // namespace sluice::parallel
