// Keys of `train:`, `parallel:`, `stages:`, `checkpoint:` and of the top level.
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/keys.hpp"

#include <fmt/format.h>

#include <cctype>
#include <string_view>

namespace sluice::recipes {
namespace {

constexpr std::int64_t kMostSteps = std::int64_t{1} << 40;

// Names become folders and parts of override paths.
void require_name(const Node& node, const std::string& name, std::string_view more) {
  bool good = !name.empty() && name[0] != '.' && name[0] != '-';
  for (const char c : name)
    good = good && (std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || more.find(c) != std::string_view::npos);
  if (!good) {
    fail_at(node.mark,
            fmt::format("'{}' must be letters, digits, '_', '-'{}, found {}", node.key, more.empty() ? "" : " and '.'", describe(node)));
  }
}

template <class T>
Key<T> name_key(std::string T::*member, std::string_view more, std::string doc, std::vector<std::string> aliases) {
  return {{"name", "text", more.empty() ? "letters, digits, _ and -" : "letters, digits, _, - and .", std::move(doc), std::move(aliases),
           "required"},
          [member, more](T& out, const Node& node, const ReadContext&) {
            out.*member = read_text(node);
            require_name(node, out.*member, more);
          },
          [member](const T& in) { return write_text(in.*member); }};
}

// "sparsify: copy and virtual_group; grow: ..."
std::string methods_by_stage() {
  std::string text;
  for (const auto& [type, name] : kStageTypeNames)
    if (conversions_of(type).size() > 1) text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", name, methods_text(type));
  return text;
}

// "copy for sparsify, ..."
std::string default_methods() {
  std::string text;
  for (const auto& [type, name] : kStageTypeNames) {
    const std::vector<moe::ConversionKind> kinds = conversions_of(type);
    if (kinds.size() > 1) text += fmt::format("{}{} for {}", text.empty() ? "" : ", ", method_of(kinds.front()), name);
  }
  return text;
}

// Its meaning depends on the stage's type: read_stages.cpp makes a conversion of the two. Written only where there is a choice.
Key<Stage> method_key() {
  const Choices choices{
      .names = method_choices(),
      .unavailable = {"drop_upcycling"},
      .aliases = {{"upcycling", "copy"}, {"sparse_upcycling", "copy"}, {"virtual_groups", "virtual_group"}, {"split", "virtual_group"}}};
  return {{"method",
           "one of",
           choices.list(),
           methods_by_stage() + "; where it leaves equal experts under equal router rows, these are parted after the receipt",
           {"upcycling_method"},
           default_methods()},
          [choices](Stage&, const Node& node, const ReadContext&) { read_choice(node, choices); },
          [](const Stage& in) { return std::string(in.conversion ? method_of(*in.conversion) : ""); }};
}

}  // namespace

const Keys<TrainConfig>& train_keys() {
  static const Keys<TrainConfig> keys = {
      integer_key("global_batch_size", &TrainConfig::global_batch_size, {1, 1 << 30},
                  "sequences a step over all ranks; never depends on the layout",
                  {"train_batch_size", "total_batch_size", "effective_batch_size"}),
      may_change(integer_key("micro_batch_size", &TrainConfig::micro_batch_size, {1, 1 << 30},
                             "sequences a rank computes at once, at most; accumulation is derived",
                             {"per_device_train_batch_size", "local_batch_size", "rank_microbatch_size", "batch_size", "device_batch_size",
                              "num_tokens_per_microbatch_per_dp_rank"})),
      number_key("learning_rate", &TrainConfig::learning_rate, {.low = 0, .without_low = true}, "peak learning rate of AdamW",
                 {"lr", "peak_lr", "max_lr", "base_lr"}),
      with_default(number_key("min_learning_rate", &TrainConfig::min_learning_rate, {.low = 0},
                              "learning rate at the end of the schedule; at most learning_rate",
                              {"min_lr", "cosine_min_lr_ratio", "min_lr_factor", "min_lr_ratio", "alpha_f", "end_lr"}),
                   write_number(TrainConfig{}.min_learning_rate) + ", or learning_rate where that is smaller"),
      choice_key("lr_scheduler", &TrainConfig::lr_scheduler,
                 {.unavailable = {"inverse_sqrt", "inverse-square-root", "polynomial"},
                  .aliases = {{"WSD", "wsd"},
                              {"warmup_stable_decay", "wsd"},
                              {"CosWithWarmup", "cosine"},
                              {"LinearWithWarmup", "linear"},
                              {"constant_with_warmup", "constant"}}},
                 "over all stages together; a stage that names its own has its own horizon",
                 {"lr_scheduler_type", "lr_decay_style", "decay_type", "scheduler", "schedule"}),
      integer_key("warmup_steps", &TrainConfig::warmup_steps, {0, kMostSteps}, "steps of linear warm-up",
                  {"lr_warmup_iters", "num_warmup_steps", "warmup", "warmup_iters", "lr_warmup_samples", "lr_warmup_fraction",
                   "warmup_ratio", "warmup_fraction", "lr_warmup_steps"}),
      number_key("decay_fraction", &TrainConfig::decay_fraction, {.low = 0, .high = 1}, "wsd: share of the horizon that decays",
                 {"decay_ratio", "lr_wsd_decay_iters", "decay_steps"}),
      number_key("weight_decay", &TrainConfig::weight_decay, {.low = 0}, "of AdamW; spares norms, biases and the router", {"wd"}),
      number_key("adam_beta1", &TrainConfig::adam_beta1, {.low = 0, .high = 1, .without_high = true}, "decay of the first moment",
                 {"beta1", "betas", "adam_beta_1"}),
      number_key("adam_beta2", &TrainConfig::adam_beta2, {.low = 0, .high = 1, .without_high = true}, "decay of the second moment",
                 {"beta2", "adam_beta_2"}),
      number_key("adam_eps", &TrainConfig::adam_eps, {.low = 0, .without_low = true}, "epsilon of AdamW",
                 {"eps", "epsilon", "adam_epsilon"}),
      number_key("max_grad_norm", &TrainConfig::max_grad_norm, {.low = 0}, "clips the global gradient norm; 0 is off",
                 {"clip_grad", "max_norm", "clip_grad_norm", "grad_clip", "gradient_clipping", "gradient_clip_val"}),
      boolean_key("deterministic", &TrainConfig::deterministic,
                  "on a GPU, only algorithms that give equal bits in every run; false allows faster ones. The CPU always gives equal bits",
                  {"use_deterministic_algorithms", "deterministic_mode", "full_determinism"}),
      may_change(choice_key(
          "recompute", &TrainConfig::recompute,
          {.aliases = {{"full", "layer"}, {"true", "layer"}, {"selective", "attention"}, {"false", "none"}}},
          "computed a second time in backward instead of kept in memory, with the same bits: whole layers (their rows then "
          "travel to the experts twice), attention, or routed experts",
          {"activation_checkpointing", "activation_checkpoint", "gradient_checkpointing", "recompute_granularity", "recompute_activations",
           "enable_activation_checkpointing", "recompute_method", "checkpoint_activations", "activation_recomputation"})),
      choice_key(
          "matmul_precision", &TrainConfig::matmul_precision, {.aliases = {{"tf32", "high"}, {"bf16", "medium"}, {"fp32", "highest"}}},
          "of float32 products on a GPU: highest is float32, high and medium are TF32", {"float32_matmul_precision", "allow_tf32", "tf32"}),
      number_key("router_learning_rate_factor", &TrainConfig::router_learning_rate_factor, {.low = 0},
                 "of routers' rows: their learning rate is the schedule's times this; 0 leaves them as they are"),
      number_key("expert_learning_rate_factor", &TrainConfig::expert_learning_rate_factor, {.low = 0},
                 "of routed experts' weights: their learning rate is the schedule's times this, and weight decay follows it; 0 leaves them "
                 "as they are"),
  };
  return keys;
}

const Keys<ParallelConfig>& parallel_keys() {
  static const Keys<ParallelConfig> keys = {
      integer_key("expert", &ParallelConfig::expert, {1, 1 << 20},
                  "ranks that share the experts of a layer; divides the ranks and num_experts",
                  {"expert_model_parallel_size", "expert_parallel_degree", "expert_parallel_size", "expert_parallel", "ep", "ep_size",
                   "ep_config", "ep_degree"}),
      choice_key("backend", &ParallelConfig::backend, {.unavailable = {"nccl", "mpi_cuda", "gloo"}}, "what carries data between ranks",
                 {"distributed_backend", "comm_backend", "dist_backend"}),
      number_key(
          "timeout_seconds", &ParallelConfig::timeout_seconds, {.low = 0, .without_low = true},
          "a rank that is later than this, or whose save gets on no more for so long, is named and the job ends",
          {"distributed_timeout_minutes", "distributed_timeout_seconds", "timeout", "comm_timeout", "ddp_timeout", "init_timeout_seconds"}),
      choice_key("exchange", &ParallelConfig::exchange,
                 {.unavailable = {"hierarchical", "hierarchical_dedup"},
                  .aliases = {{"alltoall", "flat"}, {"all_to_all", "flat"}, {"none", "local"}}},
                 "how tokens travel to their experts: inside the rank, or by all-to-all-v",
                 {"moe_token_dispatcher_type", "token_dispatcher", "dispatcher", "token_dispatcher_type"}),
      fixed_key<ParallelConfig>("overlap", {.names = {{0, "false"}}, .unavailable = {"true"}}, "computing while tokens travel",
                                {"moe_shared_expert_overlap", "comm_overlap"}),
      fixed_key<ParallelConfig>("chunks", {.names = {{0, "auto"}, {1, "1"}}, .unavailable = {"2", "3", "4", "8", "16"}},
                                "pieces of an exchange", {"num_chunks", "moe_chunks"}),
      fixed_key<ParallelConfig>("wire_dtype", {.names = {{0, "same"}}, .unavailable = {"float32", "bfloat16", "float16", "float8"}},
                                "element type on the wire", {"dispatch_dtype", "comm_dtype"}),
      fixed_key<ParallelConfig>(
          "shard_optimizer", {.names = {{0, "false"}}, .unavailable = {"true"}},
          "optimizer state spread over the ranks that hold a copy (ZeRO-1)",
          {"use_distributed_optimizer", "zero_stage", "zero", "fsdp", "dp_config", "data_parallel_shard_degree", "dp_shard_size"}),
      boolean_key("mixed_devices", &ParallelConfig::mixed_devices,
                  "accept NVIDIA GPUs of different compute capability, which round differently, so that copies of weights may part"),
      integer_key("threads", &ParallelConfig::threads, {0, 4096},
                  "compute threads of a rank; 0: OMP_NUM_THREADS, else the processors it may run on / ranks of the node that may run there "
                  "too; a communication and a loader thread come on top and mostly sleep",
                  {"num_threads", "omp_num_threads", "cpu_threads"}),
  };
  return keys;
}

const Keys<Stage>& stage_keys() {
  static const Keys<Stage> keys = [] {
    Keys<Stage> list = {
        name_key(&Stage::name, "", "unique; overrides address a stage by it: stages.NAME.max_steps=20", {"stage_name", "id"}),
        choice_key(
            "type", &Stage::type,
            {.unavailable = {"align", "distil", "quantise", "export"},
             .aliases =
                 {{"upcycle", "sparsify"}, {"train", "pretrain"}, {"dense", "pretrain"}, {"distill", "distil"}, {"quantize", "quantise"}}},
            "pretrain trains; sparsify, grow and flatten convert the model first and then train", {"stage_type", "kind"}),
        integer_key("max_steps", &Stage::max_steps, {1, kMostSteps}, "optimizer steps of this stage",
                    {"train_iters", "steps", "train_steps", "max_iters", "num_steps", "total_steps", "train_samples", "num_train_epochs",
                     "num_epochs", "epochs", "max_duration", "max_steps_per_epoch"}),
        text_key("from", &Stage::from, "an earlier stage to start from; the one before unless given", {"start_from", "parent", "base"}),
        method_key(),
        choice_key("optimizer_state", &Stage::optimizer_state, {}, "Adam moments over a conversion; reset warms up anew",
                   {"reset_optimizer", "no_load_optim"}),
        boolean_key("allow_jump", &Stage::allow_jump, "accept a conversion that is not exact", {"allow_inexact"}),
        integer_key("conversion_sequences", &Stage::conversion_sequences, {1, 1 << 20},
                    "sequences of data.train on which balanced router rows are chosen, and as many others on which the receipt tells the "
                    "experts' load",
                    {"calibration_sequences", "calibration_samples"}),
        number_key("weight_noise", &Stage::weight_noise, {.low = 0},
                   "relative standard deviation of noise on the new experts' weights, after the exact receipt",
                   {"noise", "noise_std", "expert_noise"}),
        number_key("reinit_fraction", &Stage::reinit_fraction, {.low = 0, .high = 1},
                   "share of each new expert's columns drawn anew, after the exact receipt", {"drop_ratio", "reinit_ratio", "reinit_rate"}),
        integer_key("top_k_anneal_steps", &Stage::top_k_anneal_steps, {0, kMostSteps},
                    "double_top_k: steps over which top_k returns to its value before; 0 keeps it doubled", {"anneal_steps"}),
    };
    for (Key<Stage>& key : list) {
      if (key.info.name == "type" || key.info.name == "max_steps") key.info.default_value = "required";
      if (key.info.name == "from") key.info.default_value = "the stage before";
    }
    return list;
  }();
  return keys;
}

const Keys<CheckpointConfig>& checkpoint_keys() {
  static const Keys<CheckpointConfig> keys = {
      integer_key("save_interval", &CheckpointConfig::save_interval, {1, kMostSteps}, "steps between checkpoints",
                  {"save_steps", "interval", "save_every", "checkpoint_interval", "save_freq", "save_frequency"}),
      integer_key("keep", &CheckpointConfig::keep, {1, 1 << 20}, "the newest so many checkpoints are kept, and each stage's last",
                  {"save_total_limit", "keep_latest_k", "keep_last_n", "max_to_keep"}),
  };
  return keys;
}

const Keys<Recipe>& recipe_keys() {
  static const Keys<Recipe> keys = [] {
    const Key<Recipe> seed = {{"seed", "integer", "at least 0", "of every random number", {"init_seed", "random_seed", "manual_seed"}},
                              [](Recipe& out, const Node& node, const ReadContext&) { out.seed = read_seed(node); },
                              [](const Recipe& in) { return std::to_string(in.seed); }};
    Keys<Recipe> list = {
        may_change(name_key(&Recipe::name, ".", "the run is runs/NAME", {"run_name", "experiment_name", "job_name", "wandb_exp_name"})),
        may_change(text_key("run_dir", &Recipe::run_dir, "the run's folder",
                            {"output_dir", "dump_folder", "save_folder", "save", "save_dir", "out_dir", "log_dir"})),
        seed,
        choice_key("dtype", &Recipe::dtype,
                   {.names = choices_of({DType::kFloat32, DType::kBFloat16, DType::kFloat64}),
                    .unavailable = {"float16"},
                    .aliases = {{"bf16", "bfloat16"},
                                {"fp32", "float32"},
                                {"fp64", "float64"},
                                {"double", "float64"},
                                {"float", "float32"},
                                {"fp16", "bfloat16"}}},
                   "of parameters and exchange; float64 is for tests",
                   {"precision", "torch_dtype", "bf16", "fp16", "mixed_precision_param", "autocast_precision", "mixed_precision"}),
        may_change(
            choice_key("device", &Recipe::device, {.aliases = {{"gpu", "cuda"}, {"nvidia", "cuda"}}},
                       "what computes; auto: an NVIDIA GPU where every rank has one, else the CPU, and a run that goes on keeps its own",
                       {"device_type", "accelerator", "no_cuda", "use_cpu", "num_gpus", "gpus"})),
        text_key("init_from", &Recipe::init_from, "a checkpoint of ours or a Hugging Face folder; model and tokenizer then come from there",
                 {"load", "model_name_or_path", "base_model", "pretrained_model_name_or_path", "pretrained_checkpoint", "load_path"}),
        may_change(integer_key("log_interval", &Recipe::log_interval, {1, kMostSteps}, "steps between lines of metrics",
                               {"log_freq", "logging_steps", "log_every_n_steps", "metrics_collect_interval", "log_every"})),
        may_change(integer_key("eval_interval", &Recipe::eval_interval, {1, kMostSteps}, "steps between evaluations",
                               {"eval_steps", "eval_freq", "val_check_interval", "eval_every"})),
        may_change(integer_key(
            "balance_window", &Recipe::balance_window, {1, kMostSteps},
            "steps of a stage over which expert loads are summed; a row of metrics tells at the end of each how many experts got "
            "nothing or little")),
        may_change(boolean_key("allow_schedule_change", &Recipe::allow_schedule_change,
                               "accept that changed later stages move the learning rate of the stage that a run is in when it goes on",
                               {"override_opt_param_scheduler"})),
    };
    for (Key<Recipe>& key : list)
      if (key.info.name == "run_dir") key.info.default_value = "runs/NAME";
    return list;
  }();
  return keys;
}

}  // namespace sluice::recipes
