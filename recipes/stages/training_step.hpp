// One training step. If the objective reads the routing of the whole step and there are several micro-batches, a first pass without
// gradients collects it. Then for each micro-batch: forward -> terms -> backward. Then for the whole step: reduce the gradients, reduce the
// report (sums of the terms) -> gradient norm -> clip -> update -> rules.
#pragma once

#include "recipes/schema/recipe.hpp"
#include "recipes/stages/batch.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/objective.hpp"
#include "recipes/stages/step_hooks.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <map>
#include <string>

namespace sluice::recipes {

struct StepOptions {
  std::int64_t step = 0;
  std::int64_t micro_batch_size = 8;
  double learning_rate = 0.0;
  double max_grad_norm = 1.0;
  AdamWConfig adamw;
  StepHooks hooks;
};

/// What a step computed; the same on every rank, except communication_seconds.
struct StepResult {
  std::map<std::string, double> terms;  // Term::shown() of each term of the objective, by its name
  double grad_norm = 0.0;               // before clipping
  RoutingLedger routing;                // of the whole step; empty for a dense model
  double communication_seconds = 0.0;   // time that this rank spent in the reduction of gradients and report

  /// The share of (token, k) pairs of all sparse layers that were dropped over capacity.
  double dropped_fraction(const TrainModel& model, const LocalBatch& batch) const;
};

/// Collective. Puts the gradients of the step, reduced over all ranks, into model.parameters; nothing else of the model changes.
StepResult compute_gradients(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                             const StepOptions& options);

/// Collective. Runs compute_gradients, the update and the update rules, and sets model.last_routing to this step's routing. Diverged error
/// (exit 5), naming the step and the first such tensor, if a term or a gradient is not finite; no weight is changed then.
StepResult train_step(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                      const StepOptions& options);

}  // namespace sluice::recipes
