// The objective of a language-model stage as named terms: each a local share whose sum over ranks and micro-batches is the term.
//   cross_entropy  sum of token nll / global count of targets
//   load_balancing, z  mean-free sums over MoE layers of coefficient x loss (moe/balance.hpp)
// A term with count 0 is 0. Nothing here depends on how a step is cut into ranks or micro-batches.
#pragma once

#include "core/models/decoder.hpp"
#include "moe/balance.hpp"
#include "recipes/stages/train_model.hpp"

#include <vector>

namespace sluice::recipes {

/// Global counts of the whole step, known before backward.
struct StepCounts {
  std::int64_t targets = 0;    // tokens that count in the cross-entropy
  std::int64_t tokens = 0;     // present tokens
  std::int64_t sequences = 0;
};

/// Routed (token, k) pairs of a step by sparse layer; sums of all micro-batches, then of all ranks.
class LayerCounts {
 public:
  void add(const std::vector<SlotStatistics>& statistics);
  /// Sums over all ranks, all layers in one message. Every rank must have added the same layers.
  void reduce(parallel::Communicator& world, std::int64_t step, const char* phase);
  bool empty() const { return layers_.empty(); }
  /// Counts as the balance loss wants them, [1, E] and [1, C].
  moe::BalanceCounts of(std::size_t layer) const;
  const at::Tensor& experts(std::size_t layer) const { return layers_[layer].experts; }  // [experts], after drops
  std::int64_t dropped() const;
  bool same_as(const LayerCounts& other) const;

 private:
  struct Layer {
    at::Tensor counts, children, experts, dropped;  // int64
  };
  std::vector<Layer> layers_;
};

/// Counts that f_i is made of, for every sparse layer: the step's, the previous step's (uniform before the first), or the
/// micro-batch's own.
std::vector<moe::BalanceCounts> balance_counts(const TrainModel& model, const std::vector<SlotStatistics>& statistics, const LayerCounts& step_counts);

/// Sum over layers of aux_loss_coef * balance + z_loss_coef * z, this micro-batch's share; undefined without sparse layers.
at::Tensor auxiliary_share(const TrainModel& model, const std::vector<SlotStatistics>& statistics, const std::vector<moe::BalanceCounts>& counts,
                           const StepCounts& totals);

}  // namespace sluice::recipes
