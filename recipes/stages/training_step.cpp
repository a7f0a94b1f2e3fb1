#include "recipes/stages/training_step.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/tensor/host_memory.hpp"
#include "parallel/gradient_reduction.hpp"
#include "parallel/plan/shards.hpp"
#include "recipes/run/units.hpp"
#include "recipes/stages/finite_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace sluice::recipes {
namespace {

// The phases of a step up to its gradients, in the order of its functions.
class GradientStep {
 public:
  GradientStep(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective, const StepOptions& options)
      : model_(model),
        network_(*model.decoder),
        layout_(layout),
        batch_(batch),
        objective_(objective),
        options_(options),
        micro_batches_(parallel::micro_batches({0, batch.sequences()}, options.micro_batch_size)),
        totals_{batch.global_rows, batch.global_rows},
        report_(objective.names()) {}

  StartedStep run() {
    collect_routing();
    model_.parameters.clear_gradients();
    for (const parallel::IndexRange& range : micro_batches_) {
      const ModelInput input = make_input(batch_, range.first, range.count, network_.device());
      const ForwardOutput output = forward(input);
      backward(terms(input, output), &range == &micro_batches_.back());
    }
    close_routing();
    reduce();
    return result();
  }

 private:
  bool has_prepass() const { return objective_.reads_step_routing && micro_batches_.size() > 1; }

  // Collects the routing of the whole step in a pass without gradients, if the objective needs it and there are several micro-batches.
  void collect_routing() {
    if (!has_prepass()) return;
    at::NoGradGuard no_grad;
    for (const parallel::IndexRange& range : micro_batches_) {
      const ModelInput input = make_input(batch_, range.first, range.count, network_.device());
      step_routing_.add(network_.forward(input.batch, nullptr, {options_.step, "prepass"}).statistics);
    }
    step_routing_.reduce(*layout_.world, options_.step, "prepass");
  }

  ForwardOutput forward(const ModelInput& input) {
    ForwardOutput output = network_.forward(input.batch, nullptr, {options_.step, "forward", options_.recompute});
    seen_.add(output.statistics);
    if (objective_.reads_step_routing && !has_prepass()) step_routing_ = over_all_ranks(seen_);
    return output;
  }

  at::Tensor terms(const ModelInput& input, const ForwardOutput& output) {
    return objective_share(objective_, {input, output, totals_, step_routing_}, report_);
  }

  void backward(const at::Tensor& share, bool last) {
    if (last) model_.parameters.all_uses_opened();
    if (share.defined()) share.backward();
  }

  void close_routing() {
    if (has_prepass()) {
      const RoutingLedger again = over_all_ranks(seen_);
      routed_otherwise_ = again.differs_from(step_routing_);
      step_routing_ = again;
    } else if (!objective_.reads_step_routing) {
      step_routing_ = over_all_ranks(seen_);
    }
    for (const auto& term : objective_.terms) term->close(totals_, step_routing_, report_);
  }

  void reduce() {
    const Stopwatch watch;
    parallel::reduce_gradients(model_.parameters, *layout_.reduction, *layout_.replicas, options_.step);
    sums_ = report_.reduce(*layout_.world, network_.device(), options_.step);
    communication_seconds_ = watch.seconds();
  }

  StartedStep result() {
    StartedStep result;
    result.step = options_.step;
    for (const auto& term : objective_.terms) {
      result.names.push_back(term->name());
      result.divisors.push_back(term->divisor(totals_));
    }
    if (options_.hooks.gradient) {
      for (const Parameter* p : model_.parameters.trained())
        for (const Leaf& leaf : p->leaves) options_.hooks.gradient(leaf.name, options_.step, p->view(p->gradient.sum(), leaf));
    }
    const at::Tensor norm = parallel::gradient_norm(model_.parameters, *layout_.expert_group, options_.step);
    const at::Tensor otherwise = routed_otherwise_.defined() ? routed_otherwise_.to(at::kDouble) : at::zeros_like(norm);
    result.numbers = at::cat({sums_, norm.view({1}), otherwise.view({1})}, 0);
    result.routing = std::move(step_routing_);
    result.communication_seconds = communication_seconds_;
    return result;
  }

  RoutingLedger over_all_ranks(RoutingLedger ledger) const {
    ledger.reduce(*layout_.world, options_.step, "forward");
    return ledger;
  }

  TrainModel& model_;
  Model& network_;
  const Layout& layout_;
  const LocalBatch& batch_;
  const Objective& objective_;
  const StepOptions& options_;
  const std::vector<parallel::IndexRange> micro_batches_;
  const StepCounts totals_;
  StepReport report_;
  RoutingLedger seen_;           // of this rank's micro-batches so far
  RoutingLedger step_routing_;   // of the whole step and all ranks, once it is known
  at::Tensor routed_otherwise_;  // than in the pre-pass; undefined without one
  at::Tensor sums_;              // [terms], over all ranks
  double communication_seconds_ = 0.0;
};

// float64 [2] for the optimizer: the factor that gradients are multiplied by to clip their norm, as in PyTorch's clip_grad_norm_, and
// whether anything may change, which is over for good once a number is not finite or the second pass routed otherwise.
ops::AdamwControl control_of(TrainModel& model, const StartedStep& step, double max_norm) {
  const std::int64_t terms = step.numbers.size(0) - 2;
  const at::Tensor norm = step.numbers.select(0, terms), otherwise = step.numbers.select(0, terms + 1);
  const at::Tensor finite = (step.numbers - step.numbers).eq(0.0).all();  // x - x is NaN where x is not finite
  model.sound.mul_(finite.bitwise_and(otherwise.eq(0.0)));
  const at::Tensor scale = max_norm > 0 ? (max_norm / (norm + 1e-6)).clamp_max(1.0) : at::ones_like(norm);
  return at::stack({scale, model.sound});
}

void update(TrainModel& model, const StepOptions& options, const ops::AdamwControl& control) {
  const std::vector<Parameter*>& trained = model.parameters.trained();
  std::vector<at::Tensor> before;
  if (options.hooks.update)
    for (const Parameter* p : trained) before.push_back(p->value.clone());
  model.optimizer.step(model.parameters, options.adamw, options.learning_rate, control);
  for (std::size_t i = 0; i < before.size(); ++i) {
    Parameter& p = *trained[i];
    p.value.sub_(before[i]);
    for (const Leaf& leaf : p.leaves) options.hooks.update(leaf.name, options.step, p.view(p.value, leaf));
    p.value.mul_(model.sound).add_(before[i]);
  }
}

void apply_rules(TrainModel& model, const RoutingLedger& routing) {
  StepStatistics statistics;
  // Counts of zero move no bias.
  const at::Tensor sound = model.sound.to(at::kLong);
  for (const SlotCounts& slot : routing.slots()) statistics.emplace(counts_name(slot.path), slot.rows * sound);
  for (const UpdateRule& rule : model.rules) rule(statistics);
}

// Diverged error if a term or the gradient norm is not finite, or the passes routed differently. These are the same on every rank, so all
// ranks throw. `newest`: the gradients in the model are still those of this step.
void require_sound(const TrainModel& model, const Layout& layout, const StartedStep& step, const StepResult& result, bool otherwise,
                   bool newest) {
  if (otherwise) throw diverged_error("step {}: the second pass routed otherwise than the first; this is a defect of Sluice", step.step);
  const std::vector<std::string>& names = step.names;
  const auto bad = std::find_if(names.begin(), names.end(), [&](const std::string& name) { return !std::isfinite(result.terms.at(name)); });
  if (bad == names.end() && std::isfinite(result.grad_norm)) return;
  std::string found =
      "not known, later steps computed others before it was read (log_interval: 1 reads every step); no weight changed since";
  if (newest) found = first_non_finite_gradient(model, layout, step.step);
  if (bad != names.end())
    throw diverged_error("step {}: the {} is {}; first non-finite gradient: {}", step.step, *bad, plain_number(result.terms.at(*bad)),
                         found.empty() ? fmt::format("none, the {} alone is not finite", *bad) : found);
  const std::string first = names.empty() ? "" : fmt::format(" ({} {})", names.front(), plain_number(result.terms.at(names.front())));
  throw diverged_error("step {}: the gradient norm is {}{}; first non-finite gradient: {}", step.step, plain_number(result.grad_norm),
                       first, found);
}

}  // namespace

double StepResult::dropped_fraction(const TrainModel& model, std::int64_t global_rows) const {
  const std::int64_t pairs = global_rows * model.moe->top_k;
  return static_cast<double>(counts.dropped) / (static_cast<double>(pairs) * static_cast<double>(model.sparse.size()));
}

StartedStep compute_gradients(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                              const StepOptions& options) {
  return GradientStep(model, layout, batch, objective, options).run();
}

StartedStep train_step(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                       const StepOptions& options) {
  StartedStep step = compute_gradients(model, layout, batch, objective, options);
  at::NoGradGuard no_grad;
  update(model, options, control_of(model, step, options.max_grad_norm));
  apply_rules(model, step.routing);
  model.decoder->refresh_compute();
  model.last_routing = step.routing;
  return step;
}

std::vector<StepResult> finish_steps(const TrainModel& model, const Layout& layout, std::vector<StartedStep> steps) {
  if (steps.empty()) return {};
  std::vector<at::Tensor> numbers;
  std::vector<const RoutingLedger*> ledgers;
  for (const StartedStep& step : steps) {
    numbers.push_back(step.numbers);
    ledgers.push_back(&step.routing);
  }
  const std::vector<double> values = values_of<double>(at::cat(numbers, 0));
  std::vector<RoutingCounts> counts = read_counts(ledgers);
  std::vector<StepResult> results;
  auto value = values.begin();
  for (std::size_t i = 0; i < steps.size(); ++i) {
    StartedStep& step = steps[i];
    StepResult& result = results.emplace_back();
    for (std::size_t t = 0; t < step.names.size(); ++t) result.terms[step.names[t]] = *value++ / step.divisors[t];
    result.grad_norm = *value++;
    const bool otherwise = *value++ != 0.0;
    require_sound(model, layout, step, result, otherwise, i + 1 == steps.size());
    result.routing = std::move(step.routing);
    result.counts = std::move(counts[i]);
    result.communication_seconds = step.communication_seconds;
  }
  return results;
}

}  // namespace sluice::recipes
