#include "core/base/cannot_look.hpp"
#include "core/base/clock.hpp"
#include "core/base/file_kind.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/sha256.hpp"
#include "core/checkpoint/checkpoint_directory.hpp"
#include "core/tensor/device_settings.hpp"
#include "core/tensor/dtype_map.hpp"
#include "data/load_tokenizer.hpp"
#include "parallel/comm/failure_monitor.hpp"
#include "recipes/schema/read_recipe.hpp"
#include "recipes/schema/restart.hpp"
#include "recipes/run/summary.hpp"
#include "recipes/schema/validate.hpp"
#include "recipes/stages/finite_check.hpp"
#include "recipes/stages/learning_rates.hpp"
#include "recipes/stages/located_model.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/run_data.hpp"
#include "recipes/stages/threads.hpp"
#include "recipes/stages/trainer.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace sluice::recipes {
namespace {

checkpoint::VerifyProgress verifying(const Heartbeat& heartbeat) {
  return [heartbeat](const std::string& file) { heartbeat.progress("verifying checkpoints: " + file); };
}

// A device is chosen for the whole run, so every stage must accept it.
bool mixed_devices(const Recipe& recipe) {
  return std::all_of(recipe.stages.begin(), recipe.stages.end(), [](const Stage& stage) { return stage.parallel.mixed_devices; });
}

}  // namespace

Trainer::Trainer(parallel::World& world, const Recipe& recipe, const std::string& resolved)
    : world_(world),
      recipe_(recipe),
      resolved_(resolved),
      directory_(recipe.directory()),
      plans_(plan_stages(recipe)),
      shape_(recipe.model) {
  check_mesh(recipe_, world_.size());
  on_all_ranks(world_, "threads", [&] { threads_ = use_threads(recipe_.parallel.threads, world_.placement().sharing_ranks); });
  abilities_ = use_common_abilities(world_, recipe_.device);
  // A device asked for that is not there is told before anything else is done.
  choose_device(abilities_, recipe_.device, mixed_devices(recipe_));
  for (const Stage& stage : recipe_.stages)
    if (layouts_.count(stage.parallel.expert) == 0)
      layouts_.emplace(stage.parallel.expert, make_layout(world_, static_cast<int>(stage.parallel.expert)));
}

std::optional<Recipe> Trainer::recipe_before() const {
  const std::filesystem::path file = directory_.resolved_recipe();
  if (!std::filesystem::exists(file)) {
    if (speaks()) log_warning("{} is not there: the run goes on with the recipe given, whatever it was before", file.string());
    return std::nullopt;
  }
  try {
    return read_recipe(file);
  } catch (const CannotLook&) {
    throw;
  } catch (const Error& error) {
    throw data_error("{}; this record of the run is damaged: without it (remove it) the run goes on with the recipe given", error.what());
  }
}

bool Trainer::stays_finished(const Heartbeat& heartbeat) const {
  const std::string path = directory_.path().string();
  if (const auto before = recipe_before()) {
    const auto differences = compare_for_restart(*before, recipe_, before->stages.size() - 1);
    if (!differences.empty()) throw usage_error("{}: the run is finished, and {} (name=...)", path, describe(differences, true));
  }
  const RunSummary summary = read_summary(directory_.summary());
  const std::size_t count = summary.stages.size();
  const std::string lost =
      count == 0
          ? ""
          : describe_lost_place(recipe_, {static_cast<std::int64_t>(count) - 1, summary.stages.back().name, summary.stages.back().steps});
  if (!lost.empty()) throw usage_error("{}: {} (name=...)", path, lost);
  if (recipe_.stages.size() > count)
    throw usage_error(
        "{}: the run is finished, and the recipe has {} stages where it had {}; start a new run under another name (name=...) with "
        "init_from: {}",
        path, recipe_.stages.size(), count, path);
  const checkpoint::LatestCheckpoint latest =
      checkpoint::latest_good_checkpoint(directory_.checkpoints(), checkpoint::VerifyDepth::kEverything, verifying(heartbeat));
  if (latest.skipped.empty()) {
    log_lines(format_summary(summary));
    log_info("the run is finished; choose another name (name=... or run_dir=...) to train anew");
    return true;
  }
  // If no checkpoint is undamaged, find_checkpoint() refuses the run, and nothing of it may be changed before.
  if (latest.good) {
    log_warning("the run was finished, but its last checkpoint is damaged, so it goes on from an earlier one");
    std::filesystem::remove(directory_.summary());
  }
  return false;
}

bool Trainer::open_run() {
  const std::string verdict = on_rank0(world_, "open run", [&](const Heartbeat& heartbeat) {
    directory_.create();
    heartbeat("waiting for the lock of the run");
    lock_ = std::make_unique<RunLock>(directory_.path());
    directory_.remove_leftovers();
    set_log_file(directory_.log().string());
    if (directory_.state() == RunStatus::kFinished) {
      if (stays_finished(heartbeat)) return std::string("finished");
    }
    const std::string report = parallel::report_on_records(directory_.path() / "records");
    if (!report.empty()) log_warning("the run ended early before: {}", report);
    progress_ = std::make_unique<Progress>(terminal_columns() > 0, recipe_.log_interval);
    return std::string();
  });
  if (verdict == "finished") return false;
  world_.open_records(directory_.path() / "records");
  return true;
}

std::filesystem::path Trainer::find_checkpoint() {
  return on_rank0(world_, "find checkpoint", [&](const Heartbeat& heartbeat) {
    const std::filesystem::path folder = directory_.checkpoints();
    checkpoint::remove_leftovers(folder);
    const checkpoint::LatestCheckpoint latest =
        checkpoint::latest_good_checkpoint(folder, checkpoint::VerifyDepth::kEverything, verifying(heartbeat));
    if (!latest.good && !latest.skipped.empty())
      throw data_error(
          "none of the checkpoints in {} can be used: {}; nothing was changed: mend them, or choose another name (name=... or run_dir=...) "
          "to train anew",
          folder.string(), latest.skipped.front().reason);
    for (const auto& skipped : latest.skipped) {
      const auto step = checkpoint::parse_step_folder(skipped.path.filename().string());
      log_warning("{}; the checkpoint before it is used, and this one is kept as {}", skipped.reason,
                  checkpoint::set_damaged_aside(folder, *step).filename().string());
    }
    return latest.good ? latest.good->path.string() : std::string();
  });
}

std::filesystem::path Trainer::last_checkpoint_of(const Stage& stage) {
  return on_rank0(world_, "find stage", [&](const Heartbeat& heartbeat) {
    const auto entries = checkpoint::list_checkpoints(directory_.checkpoints());
    for (auto entry = entries.rbegin(); entry != entries.rend(); ++entry) {
      try {
        const checkpoint::Manifest manifest = checkpoint::read_manifest(entry->path);
        if (manifest.stage != stage.from) continue;
        checkpoint::require_undamaged(
            entry->path, checkpoint::verify_checkpoint(entry->path, manifest, checkpoint::VerifyDepth::kEverything, verifying(heartbeat)));
        return entry->path.string();
      } catch (const CannotLook&) {
        throw;
      } catch (const Error& error) {
        log_warning("{}; an earlier checkpoint of stage '{}' is looked for", error.what(), stage.from);
      }
    }
    throw data_error("stage '{}' starts from '{}', but no good checkpoint of that stage is in {}", stage.name, stage.from,
                     directory_.checkpoints().string());
  });
}

void Trainer::open_data(const std::filesystem::path& checkpoint) {
  data::TokenizerPtr inherited;
  if (!recipe_.init_from.empty() && !checkpoint.empty()) {
    // A run that goes on takes its shape from its own checkpoint, not from init_from.
    on_all_ranks(world_, "init_from", [&] {
      const std::string config = (checkpoint / "config.json").string();
      shape_ = parse_config(read_file(config), config).model.decoder;
    });
  } else if (!recipe_.init_from.empty()) {
    open_on_all_ranks(world_, recipe_.init_from, [&](const checkpoint::ModelLocation& location) {
      initial_ = open_model_folder(location.path);
      shape_ = initial_->config.model.decoder;
      const std::filesystem::path tokenizer = location.path / "tokenizer.json";
      require_no_dangling_link(tokenizer);
      inherited = std::filesystem::exists(tokenizer) ? data::load_tokenizer(tokenizer) : nullptr;
    });
  }
  tokenizer_ = open_tokenizer(world_, recipe_, directory_, inherited, threads_, checkpoint);
  if (recipe_.init_from.empty()) shape_.vocab_size = tokenizer_->vocab_size();
  // A model may have more rows of embeddings than its tokenizer has ids (padding), never fewer.
  if (tokenizer_->vocab_size() > shape_.vocab_size)
    throw AgreedError(ExitCode::kData, fmt::format("{}: the tokenizer has {} ids, but the model only {} rows of embeddings",
                                                   recipe_.init_from, tokenizer_->vocab_size(), shape_.vocab_size));
  // The positions that the model was trained on: the longest sequences of the stages that it went through (enter_stage), or those that the
  // model of init_from came with.
  const std::int64_t context = shape_.max_position_embeddings;
  const auto longer =
      std::find_if(recipe_.stages.begin(), recipe_.stages.end(), [&](const Stage& stage) { return stage.data.seq_length > context; });
  if (!recipe_.init_from.empty() && checkpoint.empty() && longer != recipe_.stages.end() && speaks())
    log_warning(
        "stage '{}': seq_length({}) is longer than the {} positions that the model of init_from was trained on: those beyond start "
        "untrained",
        longer->name, longer->data.seq_length, context);
  std::set<std::string> told;
  for (std::size_t i = 0; i < recipe_.stages.size(); ++i) {
    const auto same = std::find_if(recipe_.stages.begin(), recipe_.stages.begin() + static_cast<std::ptrdiff_t>(i), [&](const Stage& s) {
      return s.data == recipe_.stages[i].data && s.train.global_batch_size == recipe_.stages[i].train.global_batch_size;
    });
    const auto index = static_cast<std::size_t>(same - recipe_.stages.begin());
    if (index < i) {
      data_.push_back(data_[index]);
      continue;
    }
    StageData stage;
    stage.corpus = open_corpus(world_, recipe_.stages[i], directory_, tokenizer_, threads_, told);
    stage.has_validation = stage.corpus->has_validation();
    if (!stage.has_validation && speaks())
      log_warning("stage '{}' has no validation text (data.validation or data.validation_split), so nothing is validated",
                  recipe_.stages[i].name);
    stage.evaluation = load_evaluation(*stage.corpus, tokenizer_);
    stage.held = held_batch(stage.evaluation, shape_.vocab_size);
    data_.push_back(std::move(stage));
  }
  token_bytes_.resize(static_cast<std::size_t>(tokenizer_->vocab_size()));
  for (std::size_t id = 0; id < token_bytes_.size(); ++id)
    token_bytes_[id] = static_cast<std::int32_t>(tokenizer_->bytes_of(static_cast<std::int32_t>(id)));
  for (const Stage& stage : recipe_.stages) active_parameters_.push_back(count_parameters(description_of(stage.moe)).active);
  state_.seed = recipe_.seed;
  state_.tokenizer_sha256 = sha256_hex(tokenizer_->json());
  for (std::size_t i = 0; i < recipe_.stages.size(); ++i)
    state_.corpus_fingerprints[recipe_.stages[i].name] = data_[i].corpus->fingerprint().to_json();
}

Trainer::StageData& Trainer::data_of(std::size_t stage) { return data_[stage]; }

void Trainer::settle_processor(const ComputedWith* before) {
  const Device device_before = before == nullptr ? Device::kAuto : before->device.empty() ? Device::kCpu : Device::kCuda;
  device_ = choose_device(abilities_, recipe_.device, mixed_devices(recipe_), device_before);
  own_device_ = use_device(device_, abilities_[static_cast<std::size_t>(world_.rank())].device);
  const TrainConfig& train = recipe_.stages.front().train;
  use_settings({train.deterministic, name_of(train.matmul_precision)}, own_device_);
  if (device_.kind == Device::kCuda) {
    on_all_ranks(world_, "start of the device", [&] { device_overhead_ = start_device(own_device_); });
    bfloat16_ = device_bfloat16(abilities_);
  } else {
    const bool resumed = device_before == Device::kCpu;
    bfloat16_ = choose_bfloat16(abilities_, resumed, resumed ? before->bfloat16_products : "");
    set_native_bfloat16(bfloat16_.native);
  }
  state_.computed_with = computed_with(abilities_, recipe_.dtype == DType::kBFloat16 ? &bfloat16_ : nullptr, device_.stored);
  if (!speaks()) return;
  if (const std::string mixed = mixed_libraries(abilities_); !mixed.empty()) log_warning("{}", mixed);
  if (const std::string changes = before ? describe_changes(*before, state_.computed_with) : ""; !changes.empty()) log_info("{}", changes);
}

at::TensorOptions Trainer::model_options() const { return at::TensorOptions(to_torch(recipe_.dtype)).device(own_device_); }

void Trainer::start_fresh() {
  settle_processor(nullptr);
  print_header();
  const Stage& first = recipe_.stages.front();
  const Layout& layout = layouts_.at(first.parallel.expert);
  on_all_ranks(world_, "build model",
               [&] { model_ = build_model(shape_, recipe_.initial_moe, layout, model_options(), first.parallel.exchange); });
  placed_ = first.parallel;
  if (recipe_.init_from.empty()) {
    initialize(*model_, recipe_.seed);
  } else {
    on_all_ranks(world_, "init_from", [&] {
      load_weights(*model_, *initial_);
      load_origin(*model_, initial_->index.folder());
      for (const std::string& note : initial_->notes) log_info("{}", note);
    });
    initial_.reset();
    const std::string bad = first_non_finite_weight(*model_, layout, 0);
    if (!bad.empty())
      throw AgreedError(ExitCode::kData, fmt::format("{}: weights in it are not finite, the first in {}", recipe_.init_from, bad));
  }
  state_.stage_name = first.name;
  on_rank0(world_, "open logs", [&](const Heartbeat&) {
    directory_.write_resolved_recipe(resolved_);
    metrics_ = std::make_unique<MetricsLog>(directory_.metrics(), -1);
    events_ = std::make_unique<EventLog>(directory_.path(), -1);
    receipts_ = std::make_unique<ReceiptLog>(directory_.receipts(), -1);
    return std::string();
  });
}

void Trainer::load_checkpoint(const std::filesystem::path& checkpoint, const Stage& placed_for) {
  const std::string file = (checkpoint / "state" / "run.json").string();
  const RunState then = parse_run_state(read_file(file), file);
  model_.reset();  // the new model needs nothing of the old one, whose memory is freed first
  on_all_ranks(world_, "load checkpoint", [&] {
    const ModelFolder folder = open_model_folder(checkpoint);
    model_ = build_model(folder.config.model.decoder, folder.config.model.moe, layouts_.at(placed_for.parallel.expert), model_options(),
                         placed_for.parallel.exchange);
    load_weights(*model_, folder);
    load_state(*model_, checkpoint, then);
  });
  placed_ = placed_for.parallel;
}

void Trainer::resume(const std::filesystem::path& checkpoint) {
  const std::string file = (checkpoint / "state" / "run.json").string();
  RunState then;
  std::string schedule_change;
  on_all_ranks(world_, "read run state", [&] {
    const std::string path = directory_.path().string();
    then = parse_run_state(read_file(file), file);
    const std::string lost = describe_lost_place(recipe_, {then.stage, then.stage_name, then.stage_step});
    if (!lost.empty()) throw usage_error("{}: {} (name=...)", path, lost);
    if (const auto before = recipe_before()) {
      const auto differences = compare_for_restart(*before, recipe_, static_cast<std::size_t>(then.stage));
      if (!differences.empty()) throw usage_error("{}: {} (name=...)", path, describe(differences, false));
      schedule_change = describe_schedule_change(*before, recipe_, static_cast<std::size_t>(then.stage), then.stage_step);
      if (!schedule_change.empty() && !recipe_.allow_schedule_change)
        throw usage_error(
            "{}: {}; set allow_schedule_change: true to accept it, or give the stages after it a horizon of their own (lr_scheduler in "
            "their train:)",
            path, schedule_change);
    }
    for (std::size_t i = 0; i <= static_cast<std::size_t>(then.stage) && i < recipe_.stages.size(); ++i) {
      const auto known = then.corpus_fingerprints.find(recipe_.stages[i].name);
      if (known != then.corpus_fingerprints.end())
        data::require_same_corpus(data::CorpusFingerprint::from_json(known->second, file), data_[i].corpus->fingerprint());
    }
    const auto& moe = recipe_.stages[static_cast<std::size_t>(then.stage)].moe;
    if (!then.window.fits(moe ? moe->layers.size() : 0, moe ? moe->num_experts : 0))
      throw data_error("{}: 'window_counts' and 'window_violations' are not of the stage's sparse layers and experts", file);
    if (then.tokenizer_sha256 != state_.tokenizer_sha256)
      throw data_error("{}: the run's tokenizer changed: sha256 {} then, {} now", file, then.tokenizer_sha256, state_.tokenizer_sha256);
  });
  saved_step_ = then.step;
  entered_ = static_cast<std::size_t>(then.stage);
  settle_processor(&then.computed_with);
  then.computed_with = state_.computed_with;
  print_header();
  load_checkpoint(checkpoint, recipe_.stages[static_cast<std::size_t>(then.stage)]);
  then.corpus_fingerprints = state_.corpus_fingerprints;  // of all stages, also those that were added since
  state_ = then;
  elapsed_before_ = then.elapsed_seconds;
  stage_ = static_cast<std::size_t>(then.stage);
  on_rank0(world_, "open logs", [&](const Heartbeat&) {
    directory_.write_resolved_recipe(resolved_);
    metrics_ = std::make_unique<MetricsLog>(directory_.metrics(), then.step, then.stage_name);
    events_ = std::make_unique<EventLog>(directory_.path(), then.step);
    receipts_ = std::make_unique<ReceiptLog>(directory_.receipts(), then.step);
    receipts_->restore(read_receipts(checkpoint / "state" / "receipts.jsonl"));
    log_info("resuming after step {} ({})", then.step, checkpoint.string());
    const auto& moe = recipe_.stages[*stage_].moe;
    if (moe && moe->bias_update_rate > 0 && moe->score_func == moe::ScoreFunction::kSoftmax && !then.bias_by_rows)
      log_info(
          "the run began when bias steps were bias_update_rate itself: they stay so up to its next conversion, and are bias_update_rate / "
          "router rows after it");
    if (!schedule_change.empty()) log_warning("{} (allow_schedule_change)", schedule_change);
    return std::string();
  });
}

}  // namespace sluice::recipes
