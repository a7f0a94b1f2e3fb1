#include "recipes/stages/training_step.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/kernels/reduce.hpp"
#include "core/nn/cross_entropy.hpp"
#include "core/tensor/pointers.hpp"
#include "parallel/gradient_reduction.hpp"
#include "parallel/plan/shards.hpp"
#include "recipes/run/units.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sluice::recipes {
namespace {

// What of a parameter is looked at, or changed.
using OfParameter = std::function<const at::Tensor&(const Parameter&)>;
const at::Tensor& value_of(const Parameter& p) { return p.value; }
const at::Tensor& gradient_of(const Parameter& p) { return p.gradient.sum(); }

// Collective. The first leaf, in parameter order, whose gradient or value is not finite, "" if there is none; experts are looked at
// by their owners, so the lowest rank that has such a leaf names it.
std::string first_non_finite(const std::vector<Parameter*>& parameters, parallel::Communicator& world, std::int64_t step, const OfParameter& of) {
  char name[256] = "";
  std::int64_t named_by = world.size();
  for (const Parameter* p : parameters) {
    if (named_by == world.rank()) break;
    const at::Tensor& whole = of(*p);
    bool finite = true;
    SLUICE_DISPATCH(whole.scalar_type(), [&] { finite = kernels::all_finite(data_of<const A>(whole), whole.numel()); });
    for (const Leaf& leaf : p->leaves) {
      if (finite || named_by == world.rank() || p->view(whole, leaf).isfinite().all().item<bool>()) continue;
      std::snprintf(name, sizeof name, "%s", leaf.name.c_str());
      named_by = world.rank();
    }
  }
  world.start_all_reduce(&named_by, 1, DType::kInt64, parallel::ReduceOp::kMin, {"diverged", step, -1, "finite"}).finish();
  if (named_by == world.size()) return "";
  world.start_broadcast(name, sizeof name, static_cast<int>(named_by), {"diverged", step, -1, "finite"}).finish();
  return name;
}

std::string first_bad_gradient(TrainModel& model, parallel::Communicator& world, std::int64_t step) {
  const std::string name = first_non_finite(model.parameters.trained(), world, step, gradient_of);
  return name.empty() ? "none, the loss alone is not finite" : name;
}

void for_each_leaf(TrainModel& model, const OfParameter& of, std::int64_t step, const LeafTransform& transform) {
  for (const Parameter* p : model.parameters.trained())
    for (const Leaf& leaf : p->leaves) transform(leaf.name, step, p->view(of(*p), leaf));
}

void transform_update(TrainModel& model, const std::vector<at::Tensor>& before, const StepOptions& options) {
  const auto for_all = [&](const auto& work) {
    for (std::size_t i = 0; i < before.size(); ++i) work(model.parameters.trained()[i]->value, before[i]);
  };
  for_all([](at::Tensor& value, const at::Tensor& old) { value.sub_(old); });
  for_each_leaf(model, value_of, options.step, options.hooks.update);
  for_all([](at::Tensor& value, const at::Tensor& old) { value.add_(old); });
}

LayerCounts count_routing(TrainModel& model, const LocalBatch& batch, const std::vector<parallel::IndexRange>& micro, std::int64_t step) {
  at::NoGradGuard no_grad;
  LayerCounts counts;
  for (const parallel::IndexRange& range : micro) {
    const ModelInput input = make_input(batch, range.first, range.count);
    counts.add(model.decoder->forward(input.ids, input.rows, {step, "prepass", true}).statistics);
  }
  return counts;
}

// What is reported, summed over ranks in one message: cross-entropy sum, then balance and z shares.
struct Report {
  double values[3] = {0.0, 0.0, 0.0};
};

}  // namespace

ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count) {
  const std::int64_t length = batch.length;
  const at::Tensor tokens = at::from_blob(const_cast<std::int32_t*>(batch.tokens.data()) + begin * (length + 1), {count, length + 1}, at::TensorOptions().dtype(at::kInt)).to(at::kLong);
  ModelInput input;
  // contiguous(): windows of one token are a view of every second element, which reshape keeps as it is.
  input.ids = tokens.narrow(1, 0, length).reshape({count * length}).contiguous();
  input.targets = tokens.narrow(1, 1, length).reshape({count * length}).contiguous();
  input.rows.sequences = count;
  input.rows.length = length;
  input.rows.sample_indices.assign(batch.sample_indices.begin() + begin, batch.sample_indices.begin() + begin + count);
  return input;
}

bool needs_prepass(const TrainModel& model, std::int64_t micro_batches) {
  return model.moe && model.moe->balance_loss == moe::BalanceLoss::kGlobal && model.moe->aux_loss_coef > 0 && micro_batches > 1;
}

StepResult compute_gradients(TrainModel& model, const Layout& layout, const LocalBatch& batch, const StepOptions& options) {
  const std::vector<parallel::IndexRange> micro = parallel::micro_batches({0, batch.sequences()}, options.micro_batch_size);
  const StepCounts totals = {batch.global_sequences * batch.length, batch.global_sequences * batch.length};
  const auto step_tokens = static_cast<double>(totals.tokens);
  const bool prepass = needs_prepass(model, static_cast<std::int64_t>(micro.size()));
  LayerCounts step_counts;
  if (prepass) {
    step_counts = count_routing(model, batch, micro, options.step);
    step_counts.reduce(*layout.world, options.step, "prepass");
  }
  LayerCounts seen;
  std::vector<SlotStatistics> sums;  // over micro-batches, detached: for the report
  Report report;
  model.parameters.clear_gradients();
  for (const parallel::IndexRange& range : micro) {
    const ModelInput input = make_input(batch, range.first, range.count);
    ForwardOutput output = model.decoder->forward(input.ids, input.rows, {options.step, "forward", true});
    seen.add(output.statistics);
    if (model.moe && !prepass && micro.size() == 1) {
      step_counts = seen;
      step_counts.reduce(*layout.world, options.step, "forward");
    }
    at::Tensor nll;
    std::vector<ObjectiveTerm> terms = {{"loss", 1.0, totals.targets, [&](const TermScale& scale) {
      return linear_cross_entropy(output.hidden, input.targets, model.decoder->head(), scale.value(), &nll, model.decoder->head_numerics, "loss");
    }}};
    if (model.moe) {
      // Without a coefficient nothing of the counts enters the gradient; the report below then uses the finished counts.
      const bool counts_known = !step_counts.empty() || model.moe->balance_loss != moe::BalanceLoss::kGlobal;
      const auto counts = counts_known ? balance_counts(model, output.statistics, step_counts) : std::vector<moe::BalanceCounts>(output.statistics.size());
      for (ObjectiveTerm& term : auxiliary_terms(model, output.statistics, counts, totals)) terms.push_back(std::move(term));
      for (std::size_t i = 0; i < output.statistics.size(); ++i) {
        const SlotStatistics& s = output.statistics[i];
        report.values[2] += s.z_sum.item<double>() / step_tokens;
        if (model.moe->balance_loss == moe::BalanceLoss::kSequence) {
          report.values[1] += moe::balance_loss_sum(*model.moe, s, counts[i]).item<double>() / step_tokens;
        } else if (sums.size() <= i) {
          sums.push_back({s.path, s.probability_sum.detach().clone(), {}, s.child_probability_sum.detach().clone(), {}, {}, {}, 0});
        } else {
          sums[i].probability_sum.add_(s.probability_sum.detach());
          sums[i].child_probability_sum.add_(s.child_probability_sum.detach());
        }
      }
    }
    const at::Tensor objective = objective_share(terms);
    if (&range == &micro.back()) model.parameters.all_uses_opened();
    objective.backward();
    report.values[0] += nll.sum(at::kDouble).item<double>();
  }
  StepResult result;
  if (model.moe) {
    if (step_counts.empty()) {
      step_counts = seen;
      step_counts.reduce(*layout.world, options.step, "forward");
    } else if (prepass) {
      LayerCounts check = seen;
      check.reduce(*layout.world, options.step, "forward");
      if (!check.same_as(step_counts)) throw diverged_error("step {}: the second pass routed otherwise than the first; this is a defect of Sluice", options.step);
      step_counts = check;
    }
    if (model.moe->balance_loss != moe::BalanceLoss::kSequence) {
      const auto counts = balance_counts(model, sums, step_counts);
      for (std::size_t i = 0; i < sums.size(); ++i)
        report.values[1] += moe::balance_loss_sum(*model.moe, sums[i], counts[i]).item<double>() / step_tokens;
    }
  }
  const Stopwatch communication;
  parallel::reduce_gradients(model.parameters, *layout.world, *layout.replicas, options.step);
  layout.world->start_all_reduce(report.values, 3, DType::kFloat64, parallel::ReduceOp::kSum, {"loss", options.step, -1, "backward"}).finish();
  result.loss = report.values[0] / static_cast<double>(totals.targets);
  result.communication_seconds = communication.seconds();
  if (options.hooks.gradient) for_each_leaf(model, gradient_of, options.step, options.hooks.gradient);
  result.grad_norm = parallel::gradient_norm(model.parameters, *layout.expert_group, options.step);
  if (model.moe) {
    const auto layers = static_cast<double>(model.sparse.size());
    result.load_balancing_loss = report.values[1] / layers;
    result.z_loss = report.values[2] / layers;
    result.dropped_fraction = static_cast<double>(step_counts.dropped()) / (static_cast<double>(totals.tokens * model.moe->top_k) * layers);
    for (std::size_t i = 0; i < model.sparse.size(); ++i) {
      const at::Tensor& experts = step_counts.experts(i);
      result.expert_counts.emplace_back(data_of<const std::int64_t>(experts), data_of<const std::int64_t>(experts) + experts.numel());
      model.lagged[i] = step_counts.of(i);
    }
  }
  return result;
}

std::string first_non_finite_weight(TrainModel& model, const Layout& layout, std::int64_t step) {
  return first_non_finite(model.parameters.all(), *layout.world, step, value_of);
}

void require_finite_weights(TrainModel& model, const Layout& layout, std::int64_t step) {
  const std::string name = first_non_finite_weight(model, layout, step);
  if (!name.empty()) throw diverged_error("step {}: the update made weights not finite, the first in {}", step, name);
}

StepResult train_step(TrainModel& model, const Layout& layout, const LocalBatch& batch, const StepOptions& options) {
  const StepResult result = compute_gradients(model, layout, batch, options);
  // Loss and norm are the same on every rank, so all ranks stop at the same place.
  if (!std::isfinite(result.loss))
    throw diverged_error("step {}: the loss is {}; first non-finite gradient: {}", options.step, plain_number(result.loss),
                         first_bad_gradient(model, *layout.world, options.step));
  if (!std::isfinite(result.grad_norm))
    throw diverged_error("step {}: the gradient norm is {} (loss {}); first non-finite gradient: {}", options.step,
                         plain_number(result.grad_norm), plain_number(result.loss), first_bad_gradient(model, *layout.world, options.step));
  double scale = 1.0;
  if (options.max_grad_norm > 0) scale = std::min(1.0, options.max_grad_norm / (result.grad_norm + 1e-6));  // PyTorch's clip_grad_norm_
  at::NoGradGuard no_grad;
  std::vector<at::Tensor> before;
  if (options.hooks.update)
    for (const Parameter* p : model.parameters.trained()) before.push_back(p->value.clone());
  model.optimizer.step(model.parameters, options.adamw, options.learning_rate, scale);
  if (options.hooks.update) transform_update(model, before, options);
  model.decoder->refresh_compute();
  StepStatistics statistics;
  for (std::size_t i = 0; i < model.sparse.size(); ++i) statistics.emplace(counts_name(model.moe->layers[i]), model.lagged[i].counts.squeeze(0));
  for (const UpdateRule& rule : model.rules) rule(statistics);
  return result;
}

}  // namespace sluice::recipes
