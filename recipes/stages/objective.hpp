// The objective of a stage as a list of named terms: each a local sum and an integer count of the whole step, so that nothing
// depends on how a step is cut into ranks or micro-batches.
//   loss                 sum of token nll / targets                         (coefficient 1)
//   load_balancing_loss  a sparse layer's balance sum / present tokens      (aux_loss_coef; moe/balance.hpp)
//   z_loss               a sparse layer's sum of logsumexp^2 / present tokens (z_loss_coef)
#pragma once

#include "core/models/decoder.hpp"
#include "moe/balance.hpp"
#include "recipes/stages/train_model.hpp"

#include <functional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Global counts of the whole step, known before backward.
struct StepCounts {
  std::int64_t targets = 0;  // tokens that count in the cross-entropy
  std::int64_t tokens = 0;   // present tokens
};

/// What a term's local sum is multiplied by, known before forward.
struct TermScale {
  double coefficient = 1.0;
  double inverse_count = 1.0;

  /// For a fused term, which needs all of it first.
  double value() const { return coefficient * inverse_count; }
  /// For a term that autograd differentiates.
  at::Tensor times(const at::Tensor& sum) const;
};

struct ObjectiveTerm {
  std::string name;
  double coefficient = 1.0;
  std::int64_t count = 0;  // of the whole step, over all ranks and micro-batches; 0: the term is 0
  /// scale * this micro-batch's sum, differentiable; called at most once. Nothing multiplies it afterwards, so what it is given is all that
  /// reaches its gradients.
  std::function<at::Tensor(const TermScale& scale)> share;
};

/// Sum of the shares of the terms that count, this micro-batch's share of the objective; undefined if none does.
at::Tensor objective_share(const std::vector<ObjectiveTerm>& terms);

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

/// The balance and z terms of every sparse layer that have a coefficient; they refer to `statistics`.
std::vector<ObjectiveTerm> auxiliary_terms(const TrainModel& model, const std::vector<SlotStatistics>& statistics,
                                           const std::vector<moe::BalanceCounts>& counts, const StepCounts& totals);

}  // namespace sluice::recipes
