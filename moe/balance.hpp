// The auxiliary losses of a sparse layer as objective terms, from its local statistics and the counts of the whole step.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "moe/moe_config.hpp"

namespace sluice::moe {

/// Counts that f_i is made of: [G, E] and [G, C]. Whole-step sums (kGlobal), the previous step's (kLagged), or the
/// micro-batch's own per sequence (kSequence).
struct BalanceCounts {
  at::Tensor counts, child_counts;
};

/// Local contribution to E * sum_i f_i P_i (mean of families and children when there are families); contributions of all
/// ranks and micro-batches add up to the layer's loss, which is 1 when uniform. `tokens`: present tokens of the whole step;
/// `sequences`: sequences of the whole step; `length`: tokens per sequence (used by kSequence).
at::Tensor balance_loss_share(const MoeConfig& config, const SlotStatistics& statistics, const BalanceCounts& counts, std::int64_t tokens,
                              std::int64_t sequences);

/// Local contribution to mean over tokens of logsumexp(logits)^2 (ST-MoE).
at::Tensor z_loss_share(const SlotStatistics& statistics, std::int64_t tokens);

}  // namespace sluice::moe
