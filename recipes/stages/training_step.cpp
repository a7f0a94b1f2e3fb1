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

  StepResult run() {
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
    ForwardOutput output = network_.forward(input.batch, nullptr, {options_.step, "forward"});
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
    sums_ = report_.reduce(*layout_.world, options_.step);
    communication_seconds_ = watch.seconds();
  }

  StepResult result() {
    if (routed_otherwise_.defined() && values_of<std::int64_t>(routed_otherwise_).front() != 0)
      throw diverged_error("step {}: the second pass routed otherwise than the first; this is a defect of Sluice", options_.step);
    StepResult result;
    for (const auto& term : objective_.terms) result.terms[term->name()] = term->shown(sums_.at(term->name()), totals_);
    if (options_.hooks.gradient) {
      for (const Parameter* p : model_.parameters.trained())
        for (const Leaf& leaf : p->leaves) options_.hooks.gradient(leaf.name, options_.step, p->view(p->gradient.sum(), leaf));
    }
    result.grad_norm = parallel::gradient_norm(model_.parameters, *layout_.expert_group, options_.step);
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
  std::map<std::string, double> sums_;
  double communication_seconds_ = 0.0;
};

// Diverged error if a term or the gradient norm is not finite. These are the same on every rank, so all ranks throw.
void require_finite(const TrainModel& model, const Layout& layout, const Objective& objective, const StepResult& result,
                    std::int64_t step) {
  const std::vector<std::string> names = objective.names();
  const auto bad = std::find_if(names.begin(), names.end(), [&](const std::string& name) { return !std::isfinite(result.terms.at(name)); });
  if (bad == names.end() && std::isfinite(result.grad_norm)) return;
  const std::string found = first_non_finite_gradient(model, layout, step);
  if (bad != names.end())
    throw diverged_error("step {}: the {} is {}; first non-finite gradient: {}", step, *bad, plain_number(result.terms.at(*bad)),
                         found.empty() ? fmt::format("none, the {} alone is not finite", *bad) : found);
  const std::string first = names.empty() ? "" : fmt::format(" ({} {})", names.front(), plain_number(result.terms.at(names.front())));
  throw diverged_error("step {}: the gradient norm is {}{}; first non-finite gradient: {}", step, plain_number(result.grad_norm), first,
                       found);
}

// The factor that gradients are multiplied by to clip their norm, as in PyTorch's clip_grad_norm_.
double clip(double norm, double max_norm) { return max_norm > 0 ? std::min(1.0, max_norm / (norm + 1e-6)) : 1.0; }

void update(TrainModel& model, const StepOptions& options, double gradient_scale) {
  const std::vector<Parameter*>& trained = model.parameters.trained();
  std::vector<at::Tensor> before;
  if (options.hooks.update)
    for (const Parameter* p : trained) before.push_back(p->value.clone());
  model.optimizer.step(model.parameters, options.adamw, options.learning_rate, gradient_scale);
  for (std::size_t i = 0; i < before.size(); ++i) {
    Parameter& p = *trained[i];
    p.value.sub_(before[i]);
    for (const Leaf& leaf : p.leaves) options.hooks.update(leaf.name, options.step, p.view(p.value, leaf));
    p.value.add_(before[i]);
  }
}

void apply_rules(TrainModel& model, const RoutingLedger& routing) {
  StepStatistics statistics;
  for (const SlotCounts& slot : routing.slots()) statistics.emplace(counts_name(slot.path), slot.rows);
  for (const UpdateRule& rule : model.rules) rule(statistics);
}

}  // namespace

double StepResult::dropped_fraction(const TrainModel& model, const LocalBatch& batch) const {
  const std::int64_t pairs = batch.global_rows * model.moe->top_k;
  return static_cast<double>(routing.dropped()) / (static_cast<double>(pairs) * static_cast<double>(model.sparse.size()));
}

StepResult compute_gradients(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                             const StepOptions& options) {
  return GradientStep(model, layout, batch, objective, options).run();
}

StepResult train_step(TrainModel& model, const Layout& layout, const LocalBatch& batch, const Objective& objective,
                      const StepOptions& options) {
  StepResult result = compute_gradients(model, layout, batch, objective, options);
  require_finite(model, layout, objective, result, options.step);
  at::NoGradGuard no_grad;
  update(model, options, clip(result.grad_norm, options.max_grad_norm));
  apply_rules(model, result.routing);
  model.decoder->refresh_compute();
  model.last_routing = result.routing;
  return result;
}

}  // namespace sluice::recipes
