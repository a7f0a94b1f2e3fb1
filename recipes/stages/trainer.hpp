// The state of a run between steps, and what happens around a step: conversion, evaluation, logging, saving.
#pragma once

#include "core/base/clock.hpp"
#include "data/corpus.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/run/event_log.hpp"
#include "recipes/run/memory_estimate.hpp"
#include "recipes/run/meters.hpp"
#include "recipes/run/metrics_log.hpp"
#include "recipes/run/progress.hpp"
#include "recipes/run/receipts.hpp"
#include "recipes/run/run_directory.hpp"
#include "recipes/run/run_header.hpp"
#include "recipes/run/run_lock.hpp"
#include "recipes/schema/recipe.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/rank0.hpp"
#include "recipes/stages/rank_abilities.hpp"
#include "recipes/stages/run_state.hpp"
#include "recipes/stages/stage_plan.hpp"
#include "recipes/stages/train_model.hpp"
#include "recipes/stages/training_step.hpp"

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

class Trainer {
 public:
  Trainer(parallel::World& world, const Recipe& recipe, const std::string& resolved);

  /// Trains to the end of the recipe or until a stop is requested. If memory does not suffice, the error (exit 6) says what the stage takes
  /// and which keys make it less.
  ExitCode run();

 private:
  ExitCode train();
  // Start (trainer_start.cpp)
  /// The recipe of this run's last start; nothing, with a warning on rank 0, if its record is gone. Data error if the record is damaged.
  std::optional<Recipe> recipe_before() const;
  /// On rank 0, for a finished run. True, after printing the summary, if it stays finished. False if its last checkpoint is damaged, so
  /// that the run goes on from an earlier one. Usage error if the recipe changed.
  bool stays_finished(const Heartbeat& heartbeat) const;
  /// Collective. Takes the run's lock, opens its folder, log and records; false if the run is finished already.
  bool open_run();
  /// Collective. The newest undamaged checkpoint; "" for a new run. Damaged newer ones are renamed. Data error if all are damaged.
  std::filesystem::path find_checkpoint();
  /// Collective. Opens tokenizer and text of every stage, those of `checkpoint` if the run goes on, and settles the decoder's shape.
  void open_data(const std::filesystem::path& checkpoint);
  /// Collective. Makes the model of a new run: fresh weights, or those of init_from.
  void start_fresh();
  /// Collective. Goes on from `checkpoint`. Usage error if the recipe or the text changed where it may not.
  void resume(const std::filesystem::path& checkpoint);
  /// Collective. The newest undamaged checkpoint of the stage that `stage` starts from; data error if there is none.
  std::filesystem::path last_checkpoint_of(const Stage& stage);
  /// Replaces the model by that of a checkpoint, with its experts placed as the stage `placed_for` says.
  void load_checkpoint(const std::filesystem::path& checkpoint, const Stage& placed_for);
  /// Chooses what computes and how bfloat16 is multiplied, as `before` says if the run goes on (null: a new run), notes it in state_, and
  /// prints what may change bits. Usage error if a device is asked for that is not there.
  void settle_processor(const ComputedWith* before);
  /// Element type and device of the run's models.
  at::TensorOptions model_options() const;
  /// On rank 0: prints what the run is and will need, and warnings about its recipe (trainer_header.cpp).
  void print_header();
  /// The run's model with the sparse shape `moe`; without: dense.
  ModelDescription description_of(const std::optional<moe::MoeConfig>& moe) const;
  /// What the lines before a run and before a stage say of it; `shape` is left "".
  StageLine stage_line(std::size_t index, const ParameterCount& parameters) const;
  /// The memory that the stage with this index needs, its conversion included.
  MemoryEstimate estimate_stage(std::size_t index) const;
  // Around a step (trainer.cpp)
  /// Collective. What comes before the first step of a stage: experts placed, the conversion, the banner, a validation. Of a stage that the
  /// run goes on in, the banner alone.
  void enter_stage(std::size_t index);
  /// Sets parameters_; called whenever the model or its top_k is another.
  void count_model();
  /// Collective. Moves experts between ranks as `stage` says, by loading the checkpoint that ended the stage before.
  void place_experts(const Stage& stage);
  /// Collective. Converts the model, stores and judges the receipts. Diverged error (exit 5) if one is out of its limits.
  void convert(std::size_t index);
  /// Collective. Trains the stage to its end, or until a stop is requested.
  void train_stage(std::size_t index);
  /// What the next step of the stage is done with.
  StepOptions step_options(std::size_t index) const;
  /// Collective. Saves a checkpoint, after checking that weights are finite and copies equal.
  void save();
  /// Collective. Throws a ReplicasDiffer if the copies of weights on different ranks differ (replica_check.hpp).
  void check_replicas();
  std::string last_good() const;  // checkpoint, as a clause
  /// Collective. Whether a rank was asked to stop; then stop_reason_ names the signal, and the rank unless it is rank 0.
  bool stop_agreed();
  /// Collective. Writes and prints the summary, which marks the run as finished.
  void finish();
  // Reports of a step (trainer_log.cpp)
  /// A step that was started and not yet reported.
  struct PendingStep {
    StartedStep started;
    std::int64_t stage_step = 0, tokens = 0;  // RunState's, after it
    std::int64_t target_bytes = 0;            // bytes of text that this rank's targets stand for
    double learning_rate = 0.0;
    parallel::ExchangeCounters exchanged;  // by this step
  };
  /// Collective. Waits for the steps that are pending, reports each, and leaves the last one's values in row_. Diverged error (exit 5),
  /// naming the step, if one was not finite.
  void report_steps();
  /// Collective. Fills row_ with a step's values.
  void log_step(const PendingStep& step, const StepResult& result, double seconds);
  /// Collective. Adds to row_ how far experts and routers of a sparse model have moved. Called at logged steps only.
  void log_movement();
  /// Collective. Evaluates on the validation text and writes the row. Diverged error (exit 5) if the loss is not finite.
  void validate_now();
  /// Tokens times active parameters of all steps to come.
  double remaining_work() const;
  /// Collective. Prints how long the remaining steps will take, measured with one micro-batch that changes nothing.
  void print_expected_time();

  bool speaks() const { return world_.rank() == 0; }
  struct StageData {
    std::shared_ptr<const data::Corpus> corpus;
    EvaluationSet evaluation, held;
    bool has_validation = false;
  };
  StageData& data_of(std::size_t stage);

  parallel::World& world_;
  const Recipe recipe_;
  const std::string resolved_;
  RunDirectory directory_;
  std::vector<StagePlan> plans_;
  int threads_ = 1;
  std::vector<RankAbilities> abilities_;  // by rank
  DeviceChoice device_;
  at::Device own_device_ = at::kCPU;  // of this rank
  std::int64_t device_overhead_ = 0;  // bytes of its memory that are not ours
  Bfloat16Choice bfloat16_;
  std::unique_ptr<RunLock> lock_;
  std::map<std::int64_t, Layout> layouts_;  // by parallel.expert; each is made once, in the order of the stages
  data::TokenizerPtr tokenizer_;
  std::vector<StageData> data_;            // by stage; stages with equal data share one
  std::vector<std::int32_t> token_bytes_;  // by token id: bytes of text it stands for
  std::optional<ModelFolder> initial_;     // of a new run: the model of init_from, kept open
  DecoderConfig shape_;
  std::vector<std::int64_t> active_parameters_;  // by stage, as its conversion leaves the model
  RunState state_;
  std::optional<TrainModel> model_;
  std::vector<PendingStep> pending_;
  Stopwatch pending_since_;           // when the first of them began
  ParameterCount parameters_;         // of model_, in a stage
  ParallelConfig placed_;             // how the experts of model_ are placed
  std::optional<std::size_t> stage_;  // the stage whose conversion is done
  std::size_t entered_ = 0;           // the stage that was entered last, whether or not its conversion is done; first, the one to begin in
  std::int64_t saved_step_ = -1;
  std::string stop_reason_;
  // Rank 0 only
  std::unique_ptr<MetricsLog> metrics_;
  std::unique_ptr<EventLog> events_;
  std::unique_ptr<ReceiptLog> receipts_;
  std::unique_ptr<Progress> progress_;
  StepMeter meter_;
  double peak_flops_ = 0.0;  // operations a second of all ranks together, measured at the start
  StepMetrics row_;          // the values of the current step, until they are written
  double started_at_ = 0.0;
  double elapsed_before_ = 0.0;
};

}  // namespace sluice::recipes
