// A recipe as plain values, after extends, overrides and defaults. recipes/KEYS.md explains every key; read_recipe.hpp reads and checks.
#pragma once

#include "core/base/device.hpp"
#include "core/base/dtype.hpp"
#include "core/optim/lr_schedule.hpp"
#include "core/shape/decoder_config.hpp"
#include "core/shape/recompute.hpp"
#include "data/text_choices.hpp"
#include "moe/plan/conversion.hpp"
#include "moe/plan/moe_config.hpp"
#include "parallel/plan/comm_backend.hpp"
#include "parallel/plan/exchange_kind.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

struct DataSource {
  std::string path;  // file, glob or folder
  double weight = 1.0;
  bool operator==(const DataSource&) const = default;
};

enum class TokenizerType { kBytes, kBpe, kFile };
inline constexpr EnumName<TokenizerType> kTokenizerNames[] = {
    {TokenizerType::kBytes, "bytes"}, {TokenizerType::kBpe, "bpe"}, {TokenizerType::kFile, "file"}};
constexpr std::span<const EnumName<TokenizerType>> names_of(TokenizerType) { return kTokenizerNames; }

struct TokenizerConfig {
  TokenizerType type = TokenizerType::kBpe;
  std::int64_t vocab_size = 4096;  // bpe: 256 bytes + merges + 1 end-of-text token
  std::string path;                // kFile: a tokenizer.json
  bool operator==(const TokenizerConfig&) const = default;
};

struct DataConfig {
  std::vector<DataSource> train;
  std::vector<DataSource> validation;
  double validation_split = 0.0;  // share of each train source that is used for validation when `validation` is empty
  std::int64_t eval_sequences = 64;
  std::string text_key = "text";
  data::InvalidUtf8 invalid_utf8 = data::InvalidUtf8::kReplace;
  TokenizerConfig tokenizer;
  std::int64_t seq_length = 256;
  data::Order order = data::Order::kShuffled;
  bool operator==(const DataConfig&) const = default;
};

/// How a GPU multiplies float32: in float32 (highest), or in TF32, which has 10 bits of fraction. The words are LibTorch's.
enum class MatmulPrecision { kHighest, kHigh, kMedium };
inline constexpr EnumName<MatmulPrecision> kMatmulPrecisionNames[] = {
    {MatmulPrecision::kHighest, "highest"}, {MatmulPrecision::kHigh, "high"}, {MatmulPrecision::kMedium, "medium"}};
constexpr std::span<const EnumName<MatmulPrecision>> names_of(MatmulPrecision) { return kMatmulPrecisionNames; }

struct TrainConfig {
  std::int64_t global_batch_size = 32;
  std::int64_t micro_batch_size = 8;
  double learning_rate = 1e-3;
  double min_learning_rate = 1e-4;
  LrShape lr_scheduler = LrShape::kWsd;
  std::int64_t warmup_steps = 50;
  double decay_fraction = 0.2;
  double weight_decay = 0.1;
  double adam_beta1 = 0.9;
  double adam_beta2 = 0.95;
  double adam_eps = 1e-8;
  double max_grad_norm = 1.0;  // 0: no clipping
  bool deterministic = true;   // on a GPU; a CPU always is
  MatmulPrecision matmul_precision = MatmulPrecision::kHighest;
  Recompute recompute = Recompute::kNone;
  // The schedule's rate is multiplied by these for router rows and for routed experts.
  double router_learning_rate_factor = 1.0;
  double expert_learning_rate_factor = 1.0;
  bool operator==(const TrainConfig&) const = default;
};

struct ParallelConfig {
  std::int64_t expert = 1;
  parallel::CommBackend backend = parallel::CommBackend::kAuto;
  double timeout_seconds = 600.0;
  parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto;
  std::int64_t threads = 0;    // per rank; 0: its share of the processors it may run on
  bool mixed_devices = false;  // ranks may compute on cards of different compute capability
  bool operator==(const ParallelConfig&) const = default;
};

enum class StageType { kPretrain, kSparsify, kGrow, kFlatten };
inline constexpr EnumName<StageType> kStageTypeNames[] = {
    {StageType::kPretrain, "pretrain"}, {StageType::kSparsify, "sparsify"}, {StageType::kGrow, "grow"}, {StageType::kFlatten, "flatten"}};
constexpr std::span<const EnumName<StageType>> names_of(StageType) { return kStageTypeNames; }

enum class OptimizerState { kKeep, kReset };
inline constexpr EnumName<OptimizerState> kOptimizerStateNames[] = {{OptimizerState::kKeep, "keep"}, {OptimizerState::kReset, "reset"}};
constexpr std::span<const EnumName<OptimizerState>> names_of(OptimizerState) { return kOptimizerStateNames; }

struct Stage {
  std::string name;
  StageType type = StageType::kPretrain;
  std::int64_t max_steps = 0;
  std::string from;                               // "" = the stage before; else an earlier stage's name
  std::optional<moe::ConversionKind> conversion;  // of the model before the stage trains: what `type` and `method` say; absent for pretrain
  OptimizerState optimizer_state = OptimizerState::kKeep;
  bool allow_jump = false;
  std::int64_t conversion_sequences = 64;  // training sequences that balanced router rows are made on; as many others measure the load
  double weight_noise = 0.0;               // relative std of noise on the new experts' weights, after the exact receipt
  double reinit_fraction = 0.0;            // share of each new expert's intermediate columns drawn anew (drop-upcycling)
  std::int64_t top_k_anneal_steps = 0;     // double_top_k: steps over which top_k returns to its value before
  std::optional<moe::MoeConfig> moe;       // resolved: the whole MoE shape after this stage's conversion (absent while dense)
  // The sections that hold for this stage: the top level's, with what the stage overrides.
  DataConfig data;
  TrainConfig train;
  ParallelConfig parallel;
  bool own_lr_schedule = false;  // the stage gives lr_scheduler, so its schedule covers only its own steps
  bool operator==(const Stage&) const = default;
};

struct CheckpointConfig {
  std::int64_t save_interval = 100;
  std::int64_t keep = 3;
  bool operator==(const CheckpointConfig&) const = default;
};

struct Recipe {
  std::string name;
  std::string run_dir;  // "" = runs/NAME
  std::uint64_t seed = 17;
  DType dtype = DType::kFloat32;
  Device device = Device::kAuto;
  DataConfig data;
  DecoderConfig model;                        // vocab_size and max_position_embeddings are filled in later
  std::optional<moe::MoeConfig> initial_moe;  // model.moe: the model starts sparse; absent: it starts dense
  std::string init_from;
  TrainConfig train;
  ParallelConfig parallel;
  std::vector<Stage> stages;
  CheckpointConfig checkpoint;
  std::int64_t log_interval = 10;
  std::int64_t eval_interval = 100;
  std::int64_t balance_window = 50;
  bool allow_schedule_change = false;  // a restart may change the learning rates of the stage that the run is in

  std::string directory() const { return run_dir.empty() ? "runs/" + name : run_dir; }
  bool operator==(const Recipe&) const = default;
};

}  // namespace sluice::recipes
