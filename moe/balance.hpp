// The balance loss of a sparse layer as a local sum, from its local statistics and the counts of the whole step.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "moe/plan/moe_config.hpp"

namespace sluice::moe {

/// Counts that f_i is made of: [G, E] and [G, C]. Whole-step sums (kGlobal), the previous step's (kLagged), or the
/// micro-batch's own per sequence (kSequence).
struct BalanceCounts {
  at::Tensor counts, child_counts;
};

/// How hard it pulls: at even probabilities the gradient of a router row's logit, summed over tokens, is v / E (softmax; sigmoid scores of
/// 1/2: half of it), v = E f - 1 being the expert's relative excess. The text's gradient of a row is a sum over the T*k/E tokens that chose
/// it: what they agree in falls with E alike, but their noise only with its root, so that more experts take more aux_loss_coef (0.1 at 16
/// and 0.3 at 128 are measured, tests/bench/RESULTS.md). With families the row of one of F gets v / (2 F), and a child of level l, one of
/// E_l = F 2^l, v / (2 levels E_l): a child of the deepest level is pulled at 2 log2(family_size) times more weakly than an expert of a
/// flat router of as many, and so much more aux_loss_coef makes up for it.
///
/// Sum over this micro-batch's tokens t of E * sum_i f_i p_ti (mean of families and children when there are families). Summed over
/// ranks and micro-batches and divided by the present tokens of the step it is the layer's loss E * sum_i f_i P_i, 1 when uniform;
/// with kSequence, where f is of the token's own sequence, the mean of that over sequences of equal length. The z-loss (ST-MoE) of a
/// layer is statistics.z_sum, divided alike.
at::Tensor balance_loss_sum(const MoeConfig& config, const SlotStatistics& statistics, const BalanceCounts& counts);

}  // namespace sluice::moe
