#include "core/base/clock.hpp"
#include "core/base/files.hpp"
#include "core/base/log.hpp"
#include "core/base/sha256.hpp"
#include "core/checkpoint/model_location.hpp"
#include "core/tensor/dtype_map.hpp"
#include "parallel/comm/failure_monitor.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/run/run_header.hpp"
#include "recipes/run/units.hpp"
#include "recipes/schema/read_recipe.hpp"
#include "recipes/schema/restart.hpp"
#include "recipes/schema/validate.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/run_data.hpp"
#include "recipes/stages/threads.hpp"
#include "recipes/stages/trainer.hpp"

#include <fmt/core.h>

#include <algorithm>

namespace sluice::recipes {

Trainer::Trainer(parallel::World& world, const Recipe& recipe, const std::string& resolved)
    : world_(world), recipe_(recipe), resolved_(resolved), directory_(recipe.directory()), plans_(plan_stages(recipe)), shape_(recipe.model) {
  check_mesh(recipe_, world_.size());
  threads_ = use_threads(recipe_.parallel.threads, world_.layout().local_size);
  for (const Stage& stage : recipe_.stages) {
    if (layouts_.count(stage.parallel.expert) == 0) layouts_.emplace(stage.parallel.expert, make_layout(world_, static_cast<int>(stage.parallel.expert)));
  }
}

bool Trainer::open_run() {
  const std::string verdict = on_rank0(world_, "open run", [&](const Heartbeat& heartbeat) {
    directory_.create();
    heartbeat("waiting for the lock of the run");
    lock_ = std::make_unique<RunLock>(directory_.path());
    set_log_file(directory_.log().string());
    if (directory_.state() == RunStatus::kFinished) {
      log_lines(format_summary(read_summary(directory_.summary())));
      log_info("the run is finished; choose another name (name=...) to train anew");
      return std::string("finished");
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

void Trainer::open_data() {
  std::filesystem::path inherited;
  if (!recipe_.init_from.empty()) {
    on_all_ranks(world_, "init_from", [&] {
      const std::filesystem::path folder = checkpoint::locate_model(recipe_.init_from, checkpoint::VerifyDepth::kStructure).path;
      if (std::filesystem::exists(folder / "tokenizer.json")) inherited = folder / "tokenizer.json";
      const std::string config = (folder / "config.json").string();
      shape_ = parse_config(read_file(config), config).model.decoder;
    });
  }
  tokenizer_ = open_tokenizer(world_, recipe_, directory_, inherited, threads_);
  if (recipe_.init_from.empty()) shape_.vocab_size = tokenizer_->vocab_size();
  // A model may have more rows of embeddings than its tokenizer has ids (padding), never fewer.
  if (tokenizer_->vocab_size() > shape_.vocab_size)
    throw AgreedError(ExitCode::kData, fmt::format("{}: the tokenizer has {} ids, but the model only {} rows of embeddings", recipe_.init_from, tokenizer_->vocab_size(), shape_.vocab_size));
  shape_.max_position_embeddings = std::max(shape_.max_position_embeddings, recipe_.data.seq_length);
  for (std::size_t i = 0; i < recipe_.stages.size(); ++i) {
    const auto same = std::find_if(recipe_.stages.begin(), recipe_.stages.begin() + static_cast<std::ptrdiff_t>(i), [&](const Stage& s) { return s.data == recipe_.stages[i].data; });
    const auto index = static_cast<std::size_t>(same - recipe_.stages.begin());
    if (index < i) {
      data_.push_back(data_[index]);
      continue;
    }
    StageData stage;
    stage.corpus = open_corpus(world_, recipe_.stages[i].data, directory_, tokenizer_, threads_);
    stage.evaluation = load_evaluation(*stage.corpus, tokenizer_);
    stage.held = held_batch(stage.evaluation, shape_.vocab_size);
    data_.push_back(std::move(stage));
  }
  state_.seed = recipe_.seed;
  state_.tokenizer_sha256 = sha256_hex(tokenizer_->json());
  state_.corpus_fingerprint = data_.front().corpus->fingerprint().to_json();
}

Trainer::StageData& Trainer::data_of(std::size_t stage) { return data_[stage]; }

void Trainer::start_fresh() {
  const Stage& first = recipe_.stages.front();
  const Layout& layout = layouts_.at(first.parallel.expert);
  const std::string exchange = first.parallel.exchange == Exchange::kFlat ? "flat" : "auto";
  model_ = build_model(shape_, recipe_.initial_moe, layout, to_torch(recipe_.dtype), exchange);
  if (recipe_.init_from.empty()) {
    initialize(*model_, recipe_.seed);
  } else {
    on_all_ranks(world_, "init_from", [&] {
      const ModelFolder folder = open_model_folder(checkpoint::locate_model(recipe_.init_from).path);
      load_weights(*model_, folder);
      for (const std::string& note : folder.notes) log_info("{}", note);
    });
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

void Trainer::load_checkpoint(const std::filesystem::path& checkpoint) {
  const std::string file = (checkpoint / "state" / "run.json").string();
  const RunState then = parse_run_state(read_file(file), file);
  on_all_ranks(world_, "load checkpoint", [&] {
    const ModelFolder folder = open_model_folder(checkpoint);
    const Stage& stage = recipe_.stages[static_cast<std::size_t>(then.stage)];
    const std::string exchange = stage.parallel.exchange == Exchange::kFlat ? "flat" : "auto";
    model_ = build_model(folder.config.model.decoder, folder.config.model.moe, layouts_.at(stage.parallel.expert), to_torch(recipe_.dtype), exchange);
    load_weights(*model_, folder);
    load_state(*model_, checkpoint, then.has_lagged_counts, then.optimizer_steps);
  });
}

void Trainer::resume(const std::filesystem::path& checkpoint) {
  const std::string file = (checkpoint / "state" / "run.json").string();
  RunState then;
  on_all_ranks(world_, "read run state", [&] {
    then = parse_run_state(read_file(file), file);
    const Recipe before = read_recipe(directory_.resolved_recipe());
    const auto differences = compare_for_restart(before, recipe_, static_cast<std::size_t>(then.stage));
    if (!differences.empty())
      throw usage_error("{}: the run was started with other values: {}; choose another name (name=...) for a new run", directory_.path().string(), describe(differences));
    data::require_same_corpus(data::CorpusFingerprint::from_json(then.corpus_fingerprint, file), data_.front().corpus->fingerprint());
    if (then.tokenizer_sha256 != state_.tokenizer_sha256)
      throw data_error("{}: the run's tokenizer changed: sha256 {} then, {} now", file, then.tokenizer_sha256, state_.tokenizer_sha256);
  });
  load_checkpoint(checkpoint);
  state_ = then;
  elapsed_before_ = then.elapsed_seconds;
  stage_ = static_cast<std::size_t>(then.stage);
  saved_step_ = then.step;
  on_rank0(world_, "open logs", [&](const Heartbeat&) {
    directory_.write_resolved_recipe(resolved_);
    metrics_ = std::make_unique<MetricsLog>(directory_.metrics(), then.step);
    events_ = std::make_unique<EventLog>(directory_.path(), then.step);
    receipts_ = std::make_unique<ReceiptLog>(directory_.receipts(), then.step);
    log_info("resuming after step {} ({})", then.step, checkpoint.string());
    return std::string();
  });
}

void Trainer::print_header() {
  if (!speaks()) return;
  const Stage& first = recipe_.stages.front();
  RunHeader header;
  header.name = recipe_.name;
  header.directory = directory_.path().string();
  header.resumed_step = saved_step_;
  header.model = fmt::format("{} layers, width {}, {} heads ({} key/value), vocabulary {}", shape_.num_layers, shape_.hidden_size, shape_.num_attention_heads,
                             shape_.num_key_value_heads, shape_.vocab_size);
  header.device = "cpu";
  header.dtype = std::string(name_of(recipe_.dtype));
  MemoryEstimate most;
  bool prepass = false;
  for (std::size_t i = 0; i < recipe_.stages.size(); ++i) {
    const Stage& stage = recipe_.stages[i];
    ModelDescription description;
    description.decoder = shape_;
    description.moe = stage.moe;
    const ParameterCount count = count_parameters(description);
    StageLine line{stage.name, plans_[i].type, "", stage.max_steps, stage.max_steps * stage.train.global_batch_size * stage.data.seq_length, count.total, count.active, ""};
    MemoryShape shape;
    shape.dense_parameters = count.total;
    shape.dtype = recipe_.dtype;
    shape.micro_batch_size = std::min(stage.train.micro_batch_size, stage.train.global_batch_size / world_.size());
    shape.seq_length = stage.data.seq_length;
    shape.vocab_size = shape_.vocab_size;
    shape.hidden_size = shape_.hidden_size;
    shape.num_layers = shape_.num_layers;
    shape.num_attention_heads = shape_.num_attention_heads;
    shape.num_key_value_heads = shape_.num_key_value_heads;
    shape.head_dim = shape_.head_dim;
    shape.qk_norm = shape_.qk_norm != QkNorm::kNone;
    shape.intermediate_size = shape_.intermediate_size;
    if (stage.moe) {
      const moe::MoeConfig& moe = *stage.moe;
      line.shape = fmt::format("{} experts, top-{}{}", moe.num_experts, moe.top_k, moe.family_size > 1 ? fmt::format(", families of {}", moe.family_size) : "");
      shape.num_moe_layers = static_cast<std::int64_t>(moe.layers.size());
      shape.num_experts = moe.num_experts;
      shape.top_k = moe.top_k;
      shape.expert_hidden_size = moe.expert_hidden_size;
      shape.shared_hidden_size = moe.num_shared_experts * moe.expert_hidden_size;
      shape.expert = stage.parallel.expert;
      shape.expert_parameters = 3 * shape_.hidden_size * moe.expert_hidden_size * moe.num_experts * shape.num_moe_layers;
      shape.dense_parameters -= shape.expert_parameters;
      prepass = prepass || (moe.balance_loss == moe::BalanceLoss::kGlobal && moe.aux_loss_coef > 0 && accumulation_steps(stage.train, world_.size()) > 1);
    }
    const MemoryEstimate estimate = estimate_memory(shape);
    if (estimate.total() > most.total()) most = estimate;
    header.stages.push_back(std::move(line));
  }
  header.ranks = world_.size();
  header.nodes = world_.layout().num_nodes;
  header.expert = first.parallel.expert;
  for (const Stage& stage : recipe_.stages) header.expert = std::max(header.expert, stage.parallel.expert);
  header.threads = threads_;
  header.backend = world_.backend();
  header.exchange = header.expert > 1 ? "flat" : "local";
  header.global_batch_size = first.train.global_batch_size;
  header.accumulation = accumulation_steps(first.train, world_.size());
  header.micro_batch_size = (first.train.global_batch_size / world_.size() + header.accumulation - 1) / header.accumulation;
  header.seq_length = first.data.seq_length;
  double bytes = 0, tokens = 0;
  for (const data::SourceSummary& source : data_.front().corpus->summary().train) {
    bytes += static_cast<double>(source.statistics.bytes);
    tokens += static_cast<double>(source.statistics.tokens);
  }
  header.data = fmt::format("{} of text, {} tokens, vocabulary {}", human_bytes(bytes), human_count(tokens), tokenizer_->vocab_size());
  header.memory = most;
  if (prepass) header.balance_prepass_fraction = 0.25;  // a forward pass beside forward + backward (1 : 3)
  log_lines(format_run_header(header));
}

}  // namespace sluice::recipes
