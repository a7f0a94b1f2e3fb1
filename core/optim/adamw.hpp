// AdamW (Loshchilov & Hutter 2019) with PyTorch's formula. The moments lie in flat buffers like the parameters, but only for the range that
// this rank owns; that range may begin and end inside parameters, leaves and rows. As in PyTorch, the number of updates, which is the
// exponent of the bias correction, is counted for each tensor: here for each leaf, and for each slice of a leaf that was drawn anew in
// part. Every rank counts the updates of all leaves.
#pragma once

#include "core/nn/parameter_set.hpp"
#include "core/ops/adamw.hpp"
#include "core/optim/update_counts.hpp"

#include <cstdint>
#include <vector>

namespace sluice {

struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.1;
  /// Factors of the learning rate for the groups RateGroup::kRouter and kExpert, at least 0. Weight decay subtracts rate x weight_decay x
  /// value, so it is scaled too.
  double router_rate_factor = 1.0, expert_rate_factor = 1.0;

  /// The factor of a group; 1 for kOther.
  double rate_factor(RateGroup group) const;
};

class AdamW {
 public:
  AdamW() = default;
  /// Zero moments and no updates for all trained parameters, for the ranges that FlatPlan::owned() gives this rank.
  explicit AdamW(const ParameterSet& parameters);
  /// The same, but this rank owns the elements `dense` of the flat buffers of Replication::kWorld and `expert` of those of kExpert. Usage
  /// error if a range is not inside its buffer.
  AdamW(const ParameterSet& parameters, const ElementRange& dense, const ElementRange& expert);

  /// Updates the owned ranges once. `control` (core/ops/adamw.hpp), on the model's device, has the factor that gradients are multiplied by
  /// first, and may say that values and moments stay as they are; updates are counted all the same. The rate of a parameter is
  /// `learning_rate` times the factor of its group. At rate 0 a parameter stays as it is, but its moments are updated. All is computed in
  /// the precision of the parameters' values.
  void step(ParameterSet& parameters, const AdamWConfig& config, double learning_rate, const ops::AdamwControl& control);

  /// For one replication class: the range of its flat buffers that this rank owns, and the first and second moments of that range's
  /// elements. In gaps and padding they are zeros.
  struct Moments {
    ElementRange owned;
    at::Tensor exp_avg, exp_avg_sq;
  };
  const Moments& moments(Replication replication) const { return replication == Replication::kWorld ? dense_ : expert_; }
  /// The updates of each leaf, by parameter in the order of ParameterSet::all(), then by leaf. The entry of a frozen parameter is empty.
  std::vector<std::vector<UpdateCounts>>& updates() { return updates_; }
  /// Calls of step() so far, including those before a conversion that kept the moments, whichever leaves were drawn anew since.
  std::int64_t steps() const { return steps_; }
  /// Sets steps(). The counts of the leaves stay as they are.
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  Moments dense_, expert_;
  std::vector<std::vector<UpdateCounts>> updates_;
  std::int64_t steps_ = 0;
};

}  // namespace sluice
