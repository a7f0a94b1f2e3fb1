// The counts of what the routers did in a step. A step fills a ledger, first over its micro-batches and then over all ranks. The terms of
// the objective and reports read it. The model keeps that of the last finished step for update rules, logs and the next step's balance
// loss.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "moe/balance.hpp"
#include "parallel/comm/communicator.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

/// The counts of one sparse layer's slot; int64 tensors. E' router rows, C child rows (0 without families), E experts.
struct SlotCounts {
  std::string path;     // e.g. "layers.3.feed_forward"
  at::Tensor rows;      // [E'] (token, k) pairs routed, before any drop
  at::Tensor children;  // [C] pairs routed to each child
  at::Tensor experts;   // [E] rows computed, after drops; undefined in a ledger that came out of a checkpoint
  at::Tensor dropped;   // [1] pairs dropped over capacity; undefined in a ledger that came out of a checkpoint

  /// The counts in the form that the balance loss takes: [1, E'] and [1, C].
  moe::BalanceCounts balance() const { return {rows.unsqueeze(0), children.unsqueeze(0)}; }
};

/// What reports tell of the routing of a step.
struct RoutingCounts {
  std::vector<std::vector<std::int64_t>> experts;  // by slot: rows computed by each expert
  std::int64_t dropped = 0;                        // pairs dropped over capacity, in all slots together
};

class RoutingLedger {
 public:
  RoutingLedger() = default;
  explicit RoutingLedger(std::vector<SlotCounts> slots) : slots_(std::move(slots)) {}

  bool empty() const { return slots_.empty(); }
  /// The slots, in the order of the model's layers.
  const std::vector<SlotCounts>& slots() const { return slots_; }
  /// 1 if a router row or a child was chosen another number of times than in `other`, else 0: int64 [], on the device of the counts,
  /// without waiting for that. Undefined without slots.
  at::Tensor differs_from(const RoutingLedger& other) const;

  /// Adds the counts of a micro-batch.
  void add(const std::vector<SlotStatistics>& statistics);
  /// Collective: sums over all ranks, all slots in one message. Every rank must have added the same slots.
  void reduce(parallel::Communicator& world, std::int64_t step, const char* phase);

 private:
  std::vector<SlotCounts> slots_;
};

/// The counts of several ledgers, which a step filled. One copy from the device, for which it waits.
std::vector<RoutingCounts> read_counts(const std::vector<const RoutingLedger*>& ledgers);

}  // namespace sluice::recipes
