// The balance loss of a sparse layer: a sum over local rows, computed from their statistics and the counts of the whole step.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "moe/plan/moe_config.hpp"

namespace sluice::moe {

/// The counts from which f_i is computed, [G, E] of the router rows and [G, C] of the children (SlotStatistics in
/// core/nn/feed_forward.hpp): sums over the whole step (BalanceLoss::kGlobal), those of the step before (kLagged), or the micro-batch's own
/// for each sequence (kSequence).
struct BalanceCounts {
  at::Tensor counts, child_counts;
};

/// Returns the sum over this micro-batch's tokens t of E * sum_i f_i p_ti, a differentiable scalar. f_i is the share of the (token, k)
/// pairs that chose row i, and p_ti the router's probability. With families it is the mean of this sum for the families and the like for
/// the children. Summed over ranks and micro-batches and divided by the number of tokens of the step, it is the layer's loss E * sum_i f_i
/// P_i (Switch/GShard form), which is 1 for an even router. With kSequence, where f is that of the token's own sequence, it is the mean of
/// that loss over sequences of equal length. The z-loss (ST-MoE) of a layer is statistics.z_sum, divided in the same way.
///
/// How strongly it acts: let v = E f - 1 be the relative excess of an expert. With even probabilities the gradient with respect to the
/// logit of a router row, summed over tokens, is v / E for softmax scores, and half of that for sigmoid scores of 1/2. The gradient of the
/// language-model loss for a row is a sum over the T*k/E tokens that chose it. The part of it in which tokens agree falls with E in the
/// same way, but its noise falls only with the square root of E. So more experts need a larger aux_loss_coef; 0.1 for 16 and 0.3 for 128
/// were measured (tests/bench/RESULTS.md). With F families the row of a family gets v / (2 F), and a child of level l, one of E_l = F 2^l,
/// gets v / (2 levels E_l). So a child of the deepest level is pulled 2 log2(family_size) times more weakly than an expert of a flat router
/// with as many experts, which a larger aux_loss_coef can make up for.
at::Tensor balance_loss_sum(const MoeConfig& config, const SlotStatistics& statistics, const BalanceCounts& counts);

}  // namespace sluice::moe
