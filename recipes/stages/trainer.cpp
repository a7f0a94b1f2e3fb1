#include "recipes/stages/trainer.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/integers.hpp"
#include "core/base/log.hpp"
#include "core/tensor/device_settings.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/error_line.hpp"
#include "core/tensor/host_memory.hpp"
#include "recipes/run/stop_signal.hpp"
#include "recipes/run/summary.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/validate.hpp"
#include "recipes/stages/conversion_stage.hpp"
#include "recipes/stages/finite_check.hpp"
#include "recipes/stages/language_objective.hpp"
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

namespace sluice::recipes {
namespace {

// How many bytes of text this rank's targets stand for.
std::int64_t target_bytes(const LocalBatch& batch, const std::vector<std::int32_t>& token_bytes) {
  std::int64_t bytes = 0;
  auto token = batch.tokens.begin();
  for (const std::int64_t length : batch.lengths)
    for (const auto end = token + length + 1; ++token < end;) bytes += token_bytes[static_cast<std::size_t>(*token)];
  return bytes;
}

}  // namespace

ExitCode Trainer::run() {
  try {
    return train();
  } catch (const std::exception& exception) {
    const Error error = as_error(exception);
    if (error.code() != ExitCode::kOutOfMemory || data_.empty()) throw;
    // Of this rank alone or of all, as it was thrown.
    const Stage& stage = recipe_.stages[entered_];
    const std::string text =
        fmt::format("{}. What stage '{}' takes, estimated: {}; {}", error.what(), stage.name,
                    largest_parts(estimate_stage(entered_), stage.moe.has_value(), stage.train.recompute), last_good());
    if (dynamic_cast<const AgreedError*>(&exception) != nullptr) throw AgreedError(error.code(), text);
    throw Error(error.code(), text);
  }
}

ExitCode Trainer::train() {
  if (!open_run()) return ExitCode::kDone;
  const std::filesystem::path checkpoint = find_checkpoint();
  open_data(checkpoint);
  if (checkpoint.empty()) start_fresh();
  else resume(checkpoint);
  check_replicas();
  print_expected_time();
  peak_flops_ = measure_peak_flops(*world_.world(), model_options());
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
  entered_ = index;
  use_settings({stage.train.deterministic, name_of(stage.train.matmul_precision)}, own_device_);
  const bool resumed_inside = stage_ && *stage_ == index;
  if (!resumed_inside) {
    if (!stage.from.empty() && index > 0 && stage.from != recipe_.stages[index - 1].name) load_checkpoint(last_checkpoint_of(stage), stage);
    else place_experts(stage);
    if (stage.conversion) convert(index);
    model_->held_choices = at::Tensor();  // choices are compared only within a stage
    state_.window = {};                   // and windows of loads lie within a stage
    stage_ = index;
    state_.stage = static_cast<std::int64_t>(index);
    state_.stage_name = stage.name;
    state_.stage_step = 0;
  }
  model_->config.max_position_embeddings = std::max(model_->config.max_position_embeddings, stage.data.seq_length);
  count_model();
  StageLine line = stage_line(index, parameters_);
  if (model_->moe)
    line.shape = fmt::format("{} experts, top-{}{}", model_->moe->num_experts, model_->moe->top_k, describe_rate_factors(stage.train));
  if (speaks()) {
    log_info("{}", format_stage_banner({line, plans_[index].first_step, plans_[index].last_step, static_cast<std::int64_t>(index) + 1,
                                        static_cast<std::int64_t>(plans_.size())}));
  }
  if (!resumed_inside && data_of(index).has_validation && (state_.step == 0 || stage.conversion)) {
    row_ = StepMetrics{};
    row_.step = state_.step;
    row_.stage = stage.name;
    row_.tokens = state_.consumed_tokens;
    validate_now();
  }
}

void Trainer::count_model() { parameters_ = count_parameters(describe(*model_, -1)); }

// If the stage places experts otherwise, loads the checkpoint that ended the stage before; in this way experts move between ranks.
void Trainer::place_experts(const Stage& stage) {
  const bool same = stage.parallel.expert == placed_.expert && stage.parallel.exchange == placed_.exchange;
  if (same || !model_->moe || state_.step == 0) return;
  load_checkpoint(directory_.checkpoint(state_.step), stage);
  if (speaks()) log_info("stage '{}': experts placed anew for expert {}", stage.name, stage.parallel.expert);
}

void Trainer::convert(std::size_t index) {
  const Stage& stage = recipe_.stages[index];
  if (speaks()) progress_->show("converting");
  const EvaluationSet sequences =
      training_sequences(*data_of(index).corpus, recipe_.seed, stage.train.global_batch_size, 2 * stage.conversion_sequences);
  ConversionOutcome outcome =
      run_conversion(world_, *model_, recipe_, index, layouts_.at(stage.parallel.expert), {data_of(index).held, sequences}, state_.step);
  if (speaks()) {
    const bool replayed = receipts_->settle(outcome.receipts);
    for (const Receipt& receipt : outcome.receipts) log_lines(format_receipt(receipt, recipe_.dtype));
    if (replayed) log_info("conversion of stage '{}' replayed; its receipt was written before", stage.name);
  }
  // The receipts have the same numbers on every rank, so all ranks come to the same verdict.
  for (const Receipt& receipt : outcome.receipts) judge_receipt(receipt, recipe_.dtype, stage.allow_jump);
  model_ = std::move(outcome.model);
  placed_ = stage.parallel;
}

StepOptions Trainer::step_options(std::size_t index) const {
  const Stage& stage = recipe_.stages[index];
  StepOptions options;
  options.step = state_.step + 1;
  options.micro_batch_size = stage.train.micro_batch_size;
  options.learning_rate = learning_rate(recipe_, index, state_.stage_step);
  options.max_grad_norm = stage.train.max_grad_norm;
  options.recompute = stage.train.recompute;
  options.adamw = {stage.train.adam_beta1,
                   stage.train.adam_beta2,
                   stage.train.adam_eps,
                   stage.train.weight_decay,
                   stage.train.router_learning_rate_factor,
                   stage.train.expert_learning_rate_factor};
  return options;
}

void Trainer::train_stage(std::size_t index) {
  const Stage& stage = recipe_.stages[index];
  const Layout& layout = layouts_.at(stage.parallel.expert);
  const std::int64_t batch_size = stage.train.global_batch_size;
  const auto& corpus = *data_of(index).corpus;
  // Samples are counted over the whole run; a stage with another batch size goes on at the first whole batch.
  const std::int64_t first_batch = ceil_div(state_.consumed_samples, batch_size);
  const auto loader = corpus.loader(recipe_.seed, batch_size, world_.rank(), world_.size(), static_cast<std::uint64_t>(first_batch));
  while (state_.stage_step < stage.max_steps) {
    if (stop_agreed()) {
      report_steps();
      return;
    }
    data::Batch loaded = loader->next();
    const LocalBatch batch =
        LocalBatch::of_length(stage.data.seq_length, std::move(loaded.tokens), {loaded.samples.begin(), loaded.samples.end()}, batch_size);
    if (model_->moe) {
      moe::MoeConfig settings = *stage.moe;
      settings.top_k = top_k(recipe_, index, state_.stage_step);
      if (!(settings == *model_->moe)) {
        report_steps();  // of steps with the settings before
        model_->set_moe(settings);
        count_model();
      }
    }
    const StepOptions options = step_options(index);
    const auto exchanged = [&] { return model_->exchange ? model_->exchange->counters() : parallel::ExchangeCounters{}; };
    const parallel::ExchangeCounters before = exchanged();
    if (pending_.empty()) pending_since_ = Stopwatch();
    PendingStep step;
    step.started = train_step(*model_, layout, batch, language_objective(*model_), options);
    const parallel::ExchangeCounters after = exchanged();
    step.exchanged = {after.bytes_intra - before.bytes_intra, after.bytes_inter - before.bytes_inter, after.seconds - before.seconds};
    ++state_.step;
    ++state_.stage_step;
    state_.consumed_samples = (static_cast<std::int64_t>(loaded.step) + 1) * batch_size;
    state_.consumed_tokens += batch_size * stage.data.seq_length;
    step.stage_step = state_.stage_step;
    step.tokens = state_.consumed_tokens;
    step.target_bytes = target_bytes(batch, token_bytes_);
    step.learning_rate = options.learning_rate;
    pending_.push_back(std::move(step));
    const bool last = state_.stage_step == stage.max_steps;
    const bool validates = data_of(index).has_validation && validation_due(recipe_, index, state_.stage_step, state_.step);
    const bool window = model_->moe && window_ends(state_.stage_step, stage.max_steps, recipe_.balance_window);
    const bool logs = validates || last || window || state_.step % recipe_.log_interval == 0 || state_.step == 1;
    const std::int64_t interval = recipe_.checkpoint.save_interval;
    const bool saves = last || (interval > 0 && state_.step % interval == 0);
    // Where a report makes the host wait, it is left to the steps that need one.
    if (logs || saves || !is_far(own_device_)) report_steps();
    if (logs && model_->moe) log_movement();
    if (validates) {
      validate_now();
    } else if (logs && speaks()) {
      const JsonRow json = metrics_row(row_, model_->name);
      metrics_->write(json);
      events_->write(state_.step, json);
    }
    if (saves) save();
  }
}

std::string Trainer::last_good() const {
  return saved_step_ >= 0 ? fmt::format("the last good checkpoint is of step {}", saved_step_) : "no checkpoint was saved yet";
}

void Trainer::check_replicas() {
  try {
    require_equal_replicas(world_, *model_, layouts_.at(placed_.expert), state_.step);
  } catch (const ReplicasDiffer& error) {
    throw ReplicasDiffer(
        fmt::format("{}; {}: look for faulty memory, another program or other libraries on their hosts", error.what(), last_good()));
  }
}

void Trainer::save() {
  const Stopwatch watch;
  require_finite_weights(*model_, layouts_.at(placed_.expert), state_.step);
  check_replicas();
  if (speaks()) progress_->show("saving");
  state_.elapsed_seconds = elapsed_before_ + monotonic_seconds() - started_at_;
  collect_updates(*model_, layouts_.at(placed_.expert), state_);
  describe_routing(*model_, state_);
  state_.ranks = world_.size();
  state_.expert = recipe_.stages[*stage_].parallel.expert;
  SaveRequest request{directory_.checkpoints(), tokenizer_.get(), recipe_.checkpoint.keep, speaks() ? receipts_->text() : "", [&] {
                        metrics_->sync();
                        events_->sync();
                      }};
  const auto path = save_checkpoint(world_, {{*model_, layouts_.at(state_.expert), state_}}, request);
  saved_step_ = state_.step;
  meter_.add_pause(watch.seconds());
  if (speaks()) log_info("step {}: saved {} ({})", state_.step, path.string(), human_duration(watch.seconds()));
}

bool Trainer::stop_agreed() {
  const std::string own = stop_signal_name();
  if (!own.empty()) world_.note_stop_request(own);
  std::int64_t first = own.empty() ? world_.size() : world_.rank();
  world_.world()
      ->start_all_reduce(&first, 1, DType::kInt64, parallel::ReduceOp::kMin, {"stop on request", state_.step, "", "between steps"})
      .finish();
  if (first == world_.size()) return false;
  char signal[16] = {};
  own.copy(signal, sizeof signal - 1);
  world_.world()->start_broadcast(signal, sizeof signal, static_cast<int>(first), {"stop on request", state_.step, "", "reason"}).finish();
  stop_reason_ = first == 0
                     ? signal
                     : fmt::format("{} to rank {} on {}", signal, first, world_.placement().host_of_rank[static_cast<std::size_t>(first)]);
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
