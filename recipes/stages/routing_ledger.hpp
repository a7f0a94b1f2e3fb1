// What the routers did in a step: the one place that its counts are kept in. A step fills one, over micro-batches and then over ranks; its
// terms and reports read it, and the model keeps the last finished step's, for update rules, logs and the next step's balance.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "moe/balance.hpp"
#include "parallel/comm/communicator.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Of one sparse slot; int64 tensors. E' router rows, C child rows, E experts.
struct SlotCounts {
  std::string path;     // e.g. "layers.3.feed_forward"
  at::Tensor rows;      // [E'] (token, k) pairs routed, before any drop
  at::Tensor children;  // [C]
  at::Tensor experts;   // [E] rows computed, after drops; undefined in a ledger that came out of a checkpoint
  at::Tensor dropped;   // [1] pairs over capacity; likewise

  /// As the balance loss wants them, [1, E'] and [1, C].
  moe::BalanceCounts balance() const { return {rows.unsqueeze(0), children.unsqueeze(0)}; }
};

class RoutingLedger {
 public:
  RoutingLedger() = default;
  explicit RoutingLedger(std::vector<SlotCounts> slots) : slots_(std::move(slots)) {}

  bool empty() const { return slots_.empty(); }
  /// In the order of the model.
  const std::vector<SlotCounts>& slots() const { return slots_; }
  /// Pairs over capacity in all slots.
  std::int64_t dropped() const;
  /// Rows computed by each expert, by slot.
  std::vector<std::vector<std::int64_t>> expert_counts() const;
  /// Whether a router row was chosen another number of times: 1 or 0, int64 [], on the counts' device, which nobody has
  /// waited for.
  at::Tensor differs_from(const RoutingLedger& other) const;

  /// Adds a micro-batch.
  void add(const std::vector<SlotStatistics>& statistics);
  /// Collective: sums over all ranks, all slots in one message. Every rank must have added the same slots.
  void reduce(parallel::Communicator& world, std::int64_t step, const char* phase);

 private:
  std::vector<SlotCounts> slots_;
};

}  // namespace sluice::recipes
