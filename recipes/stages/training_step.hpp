// One training step. If the objective reads the routing of the whole step and there are several micro-batches, a first pass without
// gradients collects it. Then for each micro-batch: forward -> terms -> backward. Then for the whole step: reduce the gradients, reduce the
// report (sums of the terms) -> gradient norm -> clip -> update -> rules. All of it is on the model's device and waits for nothing;
// finish_steps() reads the numbers of one step, or of several.
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
#include <vector>

namespace sluice::recipes {

struct StepOptions {
  std::int64_t step = 0;
  std::int64_t micro_batch_size = 8;
  double learning_rate = 0.0;
  double max_grad_norm = 1.0;
  Recompute recompute = Recompute::kNone;
  AdamWConfig adamw;
  StepHooks hooks;
};

/// A step whose numbers may still be on their way: nothing has waited for the device.
struct StartedStep {
  std::int64_t step = 0;
  std::vector<std::string> names;      // of the objective's terms, in the order of `numbers`
  std::vector<double> divisors;        // [terms], Term::divisor()
  at::Tensor numbers;                  // float64 [terms + 2]: sums of the terms, the gradient norm, 1 if the second pass routed otherwise
  RoutingLedger routing;               // of the whole step; empty for a dense model
  double communication_seconds = 0.0;  // time that this rank spent in the reduction of gradients and report
};

/// What a step computed; the same on every rank, except communication_seconds.
struct StepResult {
  std::map<std::string, double> terms;  // the number to show of each term of the objective, by its name
  double grad_norm = 0.0;               // before clipping
  RoutingLedger routing;                // of the whole step; empty for a dense model
  RoutingCounts counts;                 // of `routing`
  double communication_seconds = 0.0;   // time that this rank spent in the reduction of gradients and report

  /// The share of (token, k) pairs of all sparse layers that were dropped over capacity, in a step of `global_rows` rows.
  double dropped_fraction(const TrainModel& model, std::int64_t global_rows) const;
};

/// Collective. Puts the gradients of the step, reduced over all ranks, into model.parameters; nothing else of the model changes.
StartedStep compute_gradients(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                              const StepOptions& options);

/// Collective. Runs compute_gradients, the update and the update rules, and sets model.last_routing to this step's routing. On one rank
/// with experts that are not spread and products that need no counts it reads nothing from a device. If a term or the gradient norm is not
/// finite, or the second pass routed otherwise than the first, then from this step on no update, moment or rule changes anything
/// (TrainModel::sound); finish_steps() says so.
StartedStep train_step(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                       const StepOptions& options);

/// Waits for the numbers of steps, which come in one copy, with their counts in a second. Collective if one is not finite: then diverged
/// error (exit 5) that names the first such step and, if its gradients are still there, the first such tensor.
std::vector<StepResult> finish_steps(const TrainModel& model, const Layout& layout, std::vector<StartedStep> steps);

}  // namespace sluice::recipes
