#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/tensor/cuda_device.hpp"
#include "recipes/run/expert_load.hpp"
#include "recipes/run/units.hpp"
#include "recipes/stages/expert_difference.hpp"
#include "recipes/stages/language_objective.hpp"
#include "recipes/stages/model_flops.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/router_movement.hpp"
#include "recipes/stages/trainer.hpp"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <numeric>
#include <utility>
#include <unistd.h>

namespace sluice::recipes {
namespace {

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

void Trainer::report_steps() {
  if (pending_.empty()) return;
  const std::vector<PendingStep> pending = std::exchange(pending_, {});
  std::vector<StartedStep> started;
  for (const PendingStep& step : pending) started.push_back(step.started);
  const std::vector<StepResult> results = finish_steps(*model_, layouts_.at(placed_.expert), std::move(started));
  // Where steps are not waited for one by one, only the time of all is known.
  const double seconds = pending_since_.seconds() / static_cast<double>(pending.size());
  for (std::size_t i = 0; i < pending.size(); ++i) log_step(pending[i], results[i], seconds);
}

void Trainer::log_step(const PendingStep& step, const StepResult& result, double seconds) {
  const Stage& stage = recipe_.stages[*stage_];
  const std::int64_t tokens = stage.train.global_batch_size * stage.data.seq_length;
  const std::int64_t active = parameters_.active;
  meter_.add_step(tokens, seconds, static_cast<double>(tokens) * static_cast<double>(active));
  row_ = StepMetrics{};
  row_.step = step.started.step;
  row_.stage = stage.name;
  row_.tokens = step.tokens;
  row_.learning_rate = step.learning_rate;
  row_.loss = loss_of(result);
  row_.terms = result.terms;
  row_.terms.erase("loss");
  std::int64_t sums[3] = {step.target_bytes, step.exchanged.bytes_intra, step.exchanged.bytes_inter};
  world_.world()->start_all_reduce(sums, 3, DType::kInt64, parallel::ReduceOp::kSum, {"bytes", row_.step, "", "between steps"}).finish();
  if (sums[0] > 0) row_.bits_per_byte = loss_of(result) * static_cast<double>(tokens) / std::numbers::ln2 / static_cast<double>(sums[0]);
  row_.grad_norm = result.grad_norm;
  row_.tokens_per_second = static_cast<double>(tokens) / seconds;
  row_.step_seconds = seconds;
  row_.mfu = flops_per_token(model_->config, active, stage.data.seq_length) * static_cast<double>(tokens) / seconds / peak_flops_;
  row_.elapsed_seconds = elapsed_before_ + monotonic_seconds() - started_at_;
  row_.memory_bytes = resident_bytes();
  if (device_.kind == Device::kCuda) {
    const DeviceMemory memory = device_memory(own_device_);
    row_.memory_allocated_bytes = memory.peak_allocated;
    row_.memory_reserved_bytes = memory.reserved;
  }
  if (world_.size() > 1) row_.exposed_comm_seconds = result.communication_seconds + step.exchanged.seconds;
  const std::vector<std::vector<std::int64_t>>& expert_counts = result.counts.experts;
  if (model_->moe) {
    const double router = stage.train.router_learning_rate_factor, expert = stage.train.expert_learning_rate_factor;
    if (router != 1.0) row_.router_learning_rate = *row_.learning_rate * router;
    if (expert != 1.0) row_.expert_learning_rate = *row_.learning_rate * expert;
    row_.exchange_bytes_intra = sums[1];
    row_.exchange_bytes_inter = sums[2];
    row_.dropped_fraction = result.dropped_fraction(*model_, stage.train.global_batch_size * stage.data.seq_length);
    row_.sparse_layers = model_->moe->layers;
    row_.load = measure_load(expert_counts);
    state_.window.add(expert_counts);
  }
  const BalanceWindow window = state_.window;
  if (model_->moe && window_ends(step.stage_step, stage.max_steps, recipe_.balance_window)) {
    row_.window = measure_window(window);
    state_.window = {};
  }
  if (!speaks()) return;
  ProgressState shown;
  shown.stage = stage.name;
  shown.step = row_.step;
  shown.total_steps = plans_.back().last_step;
  shown.loss = row_.loss;
  shown.learning_rate = row_.learning_rate;
  shown.grad_norm = row_.grad_norm;
  shown.tokens_per_second = meter_.tokens_per_second();
  shown.seconds_to_go = meter_.seconds_to_go(remaining_work());
  progress_->update(shown);
  if (model_->moe && (row_.step % (recipe_.log_interval * 5) == 0 || step.stage_step == stage.max_steps)) {
    std::vector<LayerLoad> load;
    for (std::size_t i = 0; i < expert_counts.size(); ++i)
      load.push_back({model_->moe->layers[i], expert_counts[i], window.counts[i], window.steps});
    log_lines(format_expert_load(load));
  }
}

void Trainer::log_movement() {
  const Stopwatch watch;
  const Layout& layout = layouts_.at(placed_.expert);
  const auto mean = [](const std::vector<double>& values) {
    return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  };
  const ExpertDifference difference = expert_difference(*model_, layout, state_.step);
  if (!difference.cosine.empty()) row_.expert_cosine = mean(difference.cosine);
  if (!difference.dense_cosine.empty()) row_.expert_dense_cosine = mean(difference.dense_cosine);
  for (std::size_t i = 0; i < difference.cosine.size(); ++i)
    row_.layer_expert_cosine.emplace_back(model_->moe->layers[i], difference.cosine[i]);
  row_.router_grad_norm = router_gradient_norm(model_->parameters);
  const at::Tensor choices =
      held_choices(*model_, layout, data_of(*stage_).held, recipe_.stages[*stage_].train.micro_batch_size, state_.step);
  row_.choice_changed = changed_share(model_->held_choices, choices);
  if (row_.choice_changed && state_.held_choices_step >= 0) row_.choice_changed_steps = state_.step - state_.held_choices_step;
  model_->held_choices = choices;
  state_.held_choices_step = state_.step;
  meter_.add_pause(watch.seconds());
}

double Trainer::remaining_work() const {
  double work = 0.0;
  const auto now = static_cast<std::size_t>(state_.stage);
  for (std::size_t i = now; i < recipe_.stages.size(); ++i) {
    const Stage& stage = recipe_.stages[i];
    const std::int64_t steps = stage.max_steps - (i == now ? state_.stage_step : 0);
    work += static_cast<double>(steps * stage.train.global_batch_size * stage.data.seq_length) * static_cast<double>(active_parameters_[i]);
  }
  return work;
}

void Trainer::print_expected_time() {
  const auto index = static_cast<std::size_t>(state_.stage);
  const Stage& stage = recipe_.stages[index];
  const std::int64_t local = stage.train.global_batch_size / world_.size(), micro = std::min(stage.train.micro_batch_size, local);
  const auto loader = data_of(index).corpus->loader(recipe_.seed, stage.train.global_batch_size, world_.rank(), world_.size(), 0);
  const data::Batch loaded = loader->next();
  const auto width = static_cast<std::ptrdiff_t>(stage.data.seq_length + 1);
  const LocalBatch batch = LocalBatch::of_length(stage.data.seq_length, {loaded.tokens.begin(), loaded.tokens.begin() + micro * width},
                                                 {loaded.samples.begin(), loaded.samples.begin() + micro}, micro * world_.size());
  StepOptions options = step_options(index);
  options.micro_batch_size = micro;
  double seconds = 0.0;
  for (int i = 0; i < 2; ++i) {  // the first is slower than the others
    const Stopwatch watch;
    compute_gradients(*model_, layouts_.at(placed_.expert), batch, language_objective(*model_), options);
    wait_for(own_device_);
    seconds = watch.seconds();
  }
  if (!speaks()) return;
  const double work = static_cast<double>(micro * world_.size() * stage.data.seq_length) *
                      static_cast<double>(count_parameters(describe(*model_, -1)).active);
  log_info("  {:<13}about {} for {} steps, from one micro-batch; saving and validation aside", "expected",
           human_duration(remaining_work() / work * seconds), plans_.back().last_step - state_.step);
}

void Trainer::validate_now() {
  const Stopwatch watch;
  if (speaks()) progress_->show("validating");
  const Stage& stage = recipe_.stages[*stage_];
  const Evaluation result =
      evaluate(*model_, layouts_.at(stage.parallel.expert), data_of(*stage_).evaluation, stage.train.micro_batch_size, state_.step);
  if (!std::isfinite(result.loss)) throw diverged_error("step {}: the validation loss is {}", state_.step, plain_number(result.loss));
  row_.validation_loss = result.loss;
  row_.validation_bits_per_byte = result.bits_per_byte;
  row_.elapsed_seconds = elapsed_before_ + monotonic_seconds() - started_at_;
  meter_.add_pause(watch.seconds());
  if (!speaks()) return;
  const JsonRow json = metrics_row(row_, model_->name);
  metrics_->write(json);
  events_->write(state_.step, json);
  log_info("step {}: validation loss {:.4f}, {:.4f} bits per byte", state_.step, result.loss, result.bits_per_byte);
}

}  // namespace sluice::recipes
