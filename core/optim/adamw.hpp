// AdamW (Loshchilov & Hutter 2019), PyTorch's formula. Moments lie flat, like the parameters, and only of the range that this rank owns;
// a range may begin and end inside of parameters, leaves and rows. As in PyTorch, updates are counted where they happen: each leaf has a
// count of its own, and so has each slice of a leaf that was drawn anew in part. Every rank counts all leaves.
#pragma once

#include "core/nn/parameter_set.hpp"
#include "core/optim/update_counts.hpp"

#include <cstdint>
#include <vector>

namespace sluice {

struct AdamWConfig {
  double beta1 = 0.9, beta2 = 0.95, eps = 1e-8, weight_decay = 0.1;
  // What the learning rate is multiplied by in these rate groups, at least 0. Decay is decoupled, rate x weight_decay, so it follows.
  double router_rate_factor = 1.0, expert_rate_factor = 1.0;

  double rate_factor(RateGroup group) const;
};

class AdamW {
 public:
  AdamW() = default;
  /// Zero moments of what this rank owns, and no updates yet, for every parameter that is trained.
  explicit AdamW(const ParameterSet& parameters);
  /// The same of other ranges of the flat buffers.
  AdamW(const ParameterSet& parameters, const ElementRange& dense, const ElementRange& expert);

  /// One update of the owned ranges with gradients scaled by `gradient_scale` (clipping), each parameter at `learning_rate` times its
  /// group's factor: at 0 it stays as it is while its moments go on. Moments and parameters in the parameters' precision.
  void step(ParameterSet& parameters, const AdamWConfig& config, double learning_rate, double gradient_scale);

  /// Of a replication class: the range of its flat buffers, and the moments of its elements. Moments of gaps and padding are zeros.
  struct Moments {
    ElementRange owned;
    at::Tensor exp_avg, exp_avg_sq;
  };
  const Moments& moments(Replication replication) const { return replication == Replication::kWorld ? dense_ : expert_; }
  /// By parameter, then by leaf: the exponent of the bias correction. None for those that are frozen.
  std::vector<std::vector<UpdateCounts>>& updates() { return updates_; }
  /// Updates made so far, whatever was drawn anew on the way.
  std::int64_t steps() const { return steps_; }
  /// Leaves the counts of the leaves as they are.
  void set_steps(std::int64_t steps) { steps_ = steps; }

 private:
  Moments dense_, expert_;
  std::vector<std::vector<UpdateCounts>> updates_;
  std::int64_t steps_ = 0;
};

}  // namespace sluice
