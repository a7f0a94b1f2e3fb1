#include "recipes/stages/trainer.hpp"

#include "core/base/clock.hpp"
#include "core/base/log.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/base/error.hpp"
#include "recipes/run/expert_load.hpp"
#include "recipes/run/run_header.hpp"
#include "recipes/run/stop_signal.hpp"
#include "recipes/run/summary.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/validate.hpp"
#include "recipes/stages/conversion_stage.hpp"
#include "recipes/stages/learning_rates.hpp"
#include "recipes/stages/model_flops.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/replica_check.hpp"
#include "recipes/stages/run.hpp"
#include "recipes/stages/run_data.hpp"
#include "recipes/stages/save_checkpoint.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numbers>
#include <unistd.h>

namespace sluice::recipes {
namespace {

// Bytes of text that this rank's targets stand for.
std::int64_t target_bytes(const LocalBatch& batch, const std::vector<std::int32_t>& token_bytes) {
  std::int64_t bytes = 0;
  const std::int64_t width = batch.length + 1;
  for (std::int64_t i = 0; i < batch.sequences() * width; ++i)
    if (i % width != 0) bytes += token_bytes[static_cast<std::size_t>(batch.tokens[static_cast<std::size_t>(i)])];
  return bytes;
}

std::int64_t resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t pages = 0, resident = 0;
  statm >> pages >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

}  // namespace

ExitCode Trainer::run() {
  if (!open_run()) return ExitCode::kDone;
  const std::filesystem::path checkpoint = find_checkpoint();
  open_data(checkpoint);
  if (checkpoint.empty()) start_fresh();
  else resume(checkpoint);
  check_replicas();
  print_expected_time();
  peak_flops_ = measure_peak_flops(*world_.world(), to_torch(recipe_.dtype));
  started_at_ = monotonic_seconds();
  for (std::size_t index = static_cast<std::size_t>(state_.stage); index < recipe_.stages.size(); ++index) {
    if (stage_ && *stage_ == index && state_.stage_step >= recipe_.stages[index].max_steps) continue;
    enter_stage(index);
    try {
      train_stage(index);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kDiverged || dynamic_cast<const ReplicasDiffer*>(&error) != nullptr) throw;
      throw diverged_error("{}; {}: lower train.learning_rate or lengthen train.warmup_steps", error.what(), last_good());
    }
    if (state_.stage_step < recipe_.stages[index].max_steps) {
      if (saved_step_ != state_.step) save();
      if (speaks()) log_info("stopped on request ({}) after step {}; the same command continues from there", stop_reason_, state_.step);
      return ExitCode::kStopped;
    }
  }
  finish();
  return ExitCode::kDone;
}

void Trainer::enter_stage(std::size_t index) {
  const Stage& stage = recipe_.stages[index];
  const bool resumed_inside = stage_ && *stage_ == index;
  StageLine line{stage.name, plans_[index].type, "", stage.max_steps, stage.max_steps * stage.train.global_batch_size * stage.data.seq_length, 0, 0, ""};
  if (!resumed_inside) {
    if (!stage.from.empty() && index > 0 && stage.from != recipe_.stages[index - 1].name) load_checkpoint(last_checkpoint_of(stage), stage);
    else place_experts(stage);
    if (conversion_kind(stage)) convert(index);
    stage_ = index;
    state_.stage = static_cast<std::int64_t>(index);
    state_.stage_name = stage.name;
    state_.stage_step = 0;
  }
  model_->config.max_position_embeddings = std::max(model_->config.max_position_embeddings, stage.data.seq_length);
  const ParameterCount count = count_parameters(describe(*model_, -1));
  line.parameters = count.total;
  line.active_parameters = count.active;
  if (model_->moe) line.shape = fmt::format("{} experts, top-{}", model_->moe->num_experts, model_->moe->top_k);
  if (speaks()) {
    log_info("{}", format_stage_banner({line, plans_[index].first_step, plans_[index].last_step, static_cast<std::int64_t>(index) + 1, static_cast<std::int64_t>(plans_.size())}));
  }
  if (!resumed_inside && data_of(index).has_validation && (state_.step == 0 || conversion_kind(stage))) {
    row_ = StepMetrics{};
    row_.step = state_.step;
    row_.stage = stage.name;
    row_.tokens = state_.consumed_tokens;
    validate_now();
  }
}

// Experts move between ranks through the checkpoint that ended the stage before.
void Trainer::place_experts(const Stage& stage) {
  const bool same = stage.parallel.expert == placed_.expert && stage.parallel.exchange == placed_.exchange;
  if (same || !model_->moe || state_.step == 0) return;
  load_checkpoint(directory_.checkpoint(state_.step), stage);
  if (speaks()) log_info("stage '{}': experts placed anew for expert {}", stage.name, stage.parallel.expert);
}

void Trainer::convert(std::size_t index) {
  const Stage& stage = recipe_.stages[index];
  if (speaks()) progress_->show("converting");
  ConversionOutcome outcome = run_conversion(*model_, recipe_, index, layouts_.at(stage.parallel.expert), data_of(index).held, state_.step);
  if (speaks()) {
    const bool replayed = receipts_->settle(outcome.receipts);
    for (const Receipt& receipt : outcome.receipts) log_lines(format_receipt(receipt, recipe_.dtype));
    if (replayed) log_info("conversion of stage '{}' replayed; its receipt was written before", stage.name);
  }
  // The same numbers on every rank, so the same verdict.
  for (const Receipt& receipt : outcome.receipts) judge_receipt(receipt, recipe_.dtype, stage.allow_jump);
  model_ = std::move(outcome.model);
  placed_ = stage.parallel;
  state_.exchange = model_->exchange ? model_->exchange->name() : "";
}

StepOptions Trainer::step_options(std::size_t index) const {
  const Stage& stage = recipe_.stages[index];
  StepOptions options;
  options.step = state_.step + 1;
  options.micro_batch_size = stage.train.micro_batch_size;
  options.learning_rate = learning_rate(recipe_, index, state_.stage_step);
  options.max_grad_norm = stage.train.max_grad_norm;
  options.adamw = {stage.train.adam_beta1, stage.train.adam_beta2, stage.train.adam_eps, stage.train.weight_decay};
  return options;
}

void Trainer::train_stage(std::size_t index) {
  const Stage& stage = recipe_.stages[index];
  const Layout& layout = layouts_.at(stage.parallel.expert);
  const std::int64_t batch_size = stage.train.global_batch_size;
  const auto& corpus = *data_of(index).corpus;
  // Samples are counted over the whole run; a stage with another batch size goes on at the first whole batch.
  const std::int64_t first_batch = (state_.consumed_samples + batch_size - 1) / batch_size;
  const auto loader = corpus.loader(recipe_.seed, batch_size, world_.rank(), world_.size(), static_cast<std::uint64_t>(first_batch));
  while (state_.stage_step < stage.max_steps) {
    if (stop_agreed()) return;
    data::Batch loaded = loader->next();
    LocalBatch batch{std::move(loaded.tokens), {loaded.samples.begin(), loaded.samples.end()}, stage.data.seq_length, batch_size};
    if (model_->moe) {
      moe::MoeConfig settings = *stage.moe;
      settings.top_k = top_k(recipe_, index, state_.stage_step);
      if (!(settings == *model_->moe)) model_->set_moe(settings);
    }
    const StepOptions options = step_options(index);
    const parallel::ExchangeCounters before = model_->exchange ? model_->exchange->counters() : parallel::ExchangeCounters{};
    const Stopwatch watch;
    const StepResult result = train_step(*model_, layout, batch, options);
    const double seconds = watch.seconds();
    ++state_.step;
    ++state_.stage_step;
    state_.consumed_samples = (static_cast<std::int64_t>(loaded.step) + 1) * batch_size;
    state_.consumed_tokens += batch_size * stage.data.seq_length;
    row_ = StepMetrics{};
    row_.step = state_.step;
    row_.stage = stage.name;
    row_.tokens = state_.consumed_tokens;
    row_.learning_rate = options.learning_rate;
    log_step(result, batch, seconds, before);
    const bool last = state_.stage_step == stage.max_steps;
    if (data_of(index).has_validation && validation_due(recipe_, index, state_.stage_step, state_.step)) {
      validate_now();
    } else if (speaks() && (last || state_.step % recipe_.log_interval == 0 || state_.step == 1)) {
      const JsonRow json = metrics_row(row_);
      metrics_->write(json);
      events_->write(state_.step, json);
    }
    const std::int64_t interval = recipe_.checkpoint.save_interval;
    if (last || (interval > 0 && state_.step % interval == 0)) save();
  }
}

void Trainer::log_step(const StepResult& result, const LocalBatch& batch, double seconds, const parallel::ExchangeCounters& before) {
  const Stage& stage = recipe_.stages[*stage_];
  const std::int64_t tokens = stage.train.global_batch_size * stage.data.seq_length;
  const std::int64_t active = count_parameters(describe(*model_, -1)).active;
  meter_.add_step(tokens, seconds, static_cast<double>(tokens) * static_cast<double>(active));
  row_.loss = result.loss;
  const parallel::ExchangeCounters now = model_->exchange ? model_->exchange->counters() : parallel::ExchangeCounters{};
  std::int64_t sums[3] = {target_bytes(batch, token_bytes_), now.bytes_intra - before.bytes_intra, now.bytes_inter - before.bytes_inter};
  world_.world()->start_all_reduce(sums, 3, DType::kInt64, parallel::ReduceOp::kSum, {"bytes", state_.step, -1, "between steps"}).finish();
  if (sums[0] > 0) row_.bits_per_byte = result.loss * static_cast<double>(tokens) / std::numbers::ln2 / static_cast<double>(sums[0]);
  row_.grad_norm = result.grad_norm;
  row_.tokens_per_second = static_cast<double>(tokens) / seconds;
  row_.step_seconds = seconds;
  row_.mfu = flops_per_token(model_->config, active, batch.length) * static_cast<double>(tokens) / seconds / peak_flops_;
  row_.elapsed_seconds = elapsed_before_ + monotonic_seconds() - started_at_;
  row_.memory_bytes = resident_bytes();
  if (world_.size() > 1) row_.exposed_comm_seconds = result.communication_seconds + now.seconds - before.seconds;
  if (model_->moe) {
    row_.exchange_bytes_intra = sums[1];
    row_.exchange_bytes_inter = sums[2];
    row_.load_balancing_loss = result.load_balancing_loss;
    row_.z_loss = result.z_loss;
    row_.dropped_fraction = result.dropped_fraction;
    double worst = 0.0;
    std::int64_t dead = 0;
    for (const auto& counts : result.expert_counts) {
      worst = std::max(worst, max_over_mean(counts));
      dead += count_dead(counts);
    }
    row_.max_violation = worst - 1.0;
    row_.dead_experts = dead;
  }
  if (!speaks()) return;
  ProgressState shown;
  shown.stage = stage.name;
  shown.step = state_.step;
  shown.total_steps = plans_.back().last_step;
  shown.loss = row_.loss;
  shown.learning_rate = row_.learning_rate;
  shown.grad_norm = row_.grad_norm;
  shown.tokens_per_second = meter_.tokens_per_second();
  shown.seconds_to_go = meter_.seconds_to_go(remaining_work());
  progress_->update(shown);
  if (model_->moe && (state_.step % (recipe_.log_interval * 5) == 0 || state_.stage_step == stage.max_steps)) {
    std::vector<LayerLoad> load;
    for (std::size_t i = 0; i < result.expert_counts.size(); ++i) load.push_back({model_->moe->layers[i], result.expert_counts[i]});
    log_lines(format_expert_load(load));
  }
}

double Trainer::remaining_work() const {
  double work = 0.0;
  const auto now = static_cast<std::size_t>(state_.stage);
  for (std::size_t i = now; i < recipe_.stages.size(); ++i) {
    const Stage& stage = recipe_.stages[i];
    ModelDescription description;
    description.decoder = shape_;
    description.moe = stage.moe;
    const std::int64_t steps = stage.max_steps - (i == now ? state_.stage_step : 0);
    work += static_cast<double>(steps * stage.train.global_batch_size * stage.data.seq_length) * static_cast<double>(count_parameters(description).active);
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
  const LocalBatch batch{{loaded.tokens.begin(), loaded.tokens.begin() + micro * width}, {loaded.samples.begin(), loaded.samples.begin() + micro},
                         stage.data.seq_length, micro * world_.size()};
  StepOptions options = step_options(index);
  options.micro_batch_size = micro;
  const std::vector<moe::BalanceCounts> lagged = model_->lagged;
  double seconds = 0.0;
  for (int i = 0; i < 2; ++i) {  // the first is slower than the others
    const Stopwatch watch;
    compute_gradients(*model_, layouts_.at(placed_.expert), batch, options);
    seconds = watch.seconds();
  }
  model_->lagged = lagged;
  if (!speaks()) return;
  const double work = static_cast<double>(micro * world_.size() * stage.data.seq_length) * static_cast<double>(count_parameters(describe(*model_, -1)).active);
  log_info("  {:<13}about {} for {} steps, from one micro-batch; saving and validation aside", "expected", human_duration(remaining_work() / work * seconds),
           plans_.back().last_step - state_.step);
}

void Trainer::validate_now() {
  const Stopwatch watch;
  if (speaks()) progress_->show("validating");
  const Stage& stage = recipe_.stages[*stage_];
  const Evaluation result = evaluate(*model_, layouts_.at(stage.parallel.expert), data_of(*stage_).evaluation, stage.train.micro_batch_size, state_.step);
  if (!std::isfinite(result.loss)) throw diverged_error("step {}: the validation loss is {}", state_.step, plain_number(result.loss));
  row_.validation_loss = result.loss;
  row_.validation_bits_per_byte = result.bits_per_byte;
  row_.elapsed_seconds = elapsed_before_ + monotonic_seconds() - started_at_;
  meter_.add_pause(watch.seconds());
  if (!speaks()) return;
  const JsonRow json = metrics_row(row_);
  metrics_->write(json);
  events_->write(state_.step, json);
  log_info("step {}: validation loss {:.4f}, {:.4f} bits per byte", state_.step, result.loss, result.bits_per_byte);
}

std::string Trainer::last_good() const {
  return saved_step_ >= 0 ? fmt::format("the last good checkpoint is of step {}", saved_step_) : "no checkpoint was saved yet";
}

void Trainer::check_replicas() {
  try {
    require_equal_replicas(world_, *model_, layouts_.at(placed_.expert), state_.step);
  } catch (const ReplicasDiffer& error) {
    throw ReplicasDiffer(fmt::format("{}; {}: look for faulty memory, another program or other libraries on their hosts", error.what(), last_good()));
  }
}

void Trainer::save() {
  const Stopwatch watch;
  require_finite_weights(*model_, layouts_.at(placed_.expert), state_.step);
  check_replicas();
  if (speaks()) progress_->show("saving");
  state_.elapsed_seconds = elapsed_before_ + monotonic_seconds() - started_at_;
  collect_updates(*model_, layouts_.at(placed_.expert), state_);
  state_.has_lagged_counts = model_->moe && model_->lagged.front().counts.defined();
  state_.ranks = world_.size();
  state_.expert = recipe_.stages[*stage_].parallel.expert;
  SaveRequest request{directory_.checkpoints(), state_, tokenizer_.get(), recipe_.checkpoint.keep, speaks() ? receipts_->text() : "", [&] {
                        metrics_->sync();
                        events_->sync();
                      }};
  const auto path = save_checkpoint(world_, *model_, layouts_.at(state_.expert), request);
  saved_step_ = state_.step;
  meter_.add_pause(watch.seconds());
  if (speaks()) log_info("step {}: saved {} ({})", state_.step, path.string(), human_duration(watch.seconds()));
}

bool Trainer::stop_agreed() {
  const std::string own = stop_signal_name();
  if (!own.empty()) world_.note_stop_request(own);
  std::int64_t first = own.empty() ? world_.size() : world_.rank();
  world_.world()->start_all_reduce(&first, 1, DType::kInt64, parallel::ReduceOp::kMin, {"stop on request", state_.step, -1, "between steps"}).finish();
  if (first == world_.size()) return false;
  char signal[16] = {};
  own.copy(signal, sizeof signal - 1);
  world_.world()->start_broadcast(signal, sizeof signal, static_cast<int>(first), {"stop on request", state_.step, -1, "reason"}).finish();
  stop_reason_ = first == 0 ? signal : fmt::format("{} to rank {} on {}", signal, first, world_.layout().host_of_rank[static_cast<std::size_t>(first)]);
  return true;
}

void Trainer::finish() {
  on_rank0(world_, "summary", [&](const Heartbeat&) {
    RunSummary summary = summarize_run(directory_.path(), plans_);
    summary.finished = true;
    summary.name = recipe_.name;
    summary.directory = directory_.path().string();
    summary.dtype = recipe_.dtype;
    write_summary(directory_.summary(), summary);
    progress_.reset();
    log_lines(format_summary(summary));
    return std::string();
  });
}

ExitCode run_recipe(parallel::World& world, const Recipe& recipe, const std::string& resolved) {
  return Trainer(world, recipe, resolved).run();
}

}  // namespace sluice::recipes
