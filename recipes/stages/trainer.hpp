// The state of a run between steps, and what happens around a step: conversion, evaluation, logging, saving.
#pragma once

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

  /// Trains to the end of the recipe or until a stop is requested.
  ExitCode run();

 private:
  // Start (trainer_start.cpp)
  /// Of this run's last start; none, with a warning of rank 0, if its record is gone. Data error if that is damaged.
  std::optional<Recipe> recipe_before() const;
  /// Rank 0. Of a finished run: prints the summary, or makes it one that goes on if its last checkpoint is damaged (false).
  bool stays_finished(const Heartbeat& heartbeat) const;
  bool open_run();                        // false: the run is finished already
  /// The newest good checkpoint, "" for a new run. Damaged newer ones are set aside; data error if there are only damaged ones.
  std::filesystem::path find_checkpoint();
  void open_data(const std::filesystem::path& checkpoint);
  void start_fresh();
  void resume(const std::filesystem::path& checkpoint);
  /// The newest good checkpoint of the stage that `stage` starts from.
  std::filesystem::path last_checkpoint_of(const Stage& stage);
  /// The model of a checkpoint, its experts placed as `placed_for` wants them.
  void load_checkpoint(const std::filesystem::path& checkpoint, const Stage& placed_for);
  /// What computes from now on a run that is new or (`before`) goes on, and says what of it may change bits.
  void settle_processor(const ComputedWith* before);
  void print_header();                    // trainer_header.cpp
  /// Of its training and of the conversion that begins it.
  MemoryEstimate estimate_stage(std::size_t index) const;
  // Around a step (trainer.cpp)
  void enter_stage(std::size_t index);
  void place_experts(const Stage& stage);
  void convert(std::size_t index);
  void train_stage(std::size_t index);
  StepOptions step_options(std::size_t index) const;
  void save();
  /// Collective. Ends the run if ranks that hold the same weights do not (replica_check.hpp).
  void check_replicas();
  std::string last_good() const;          // checkpoint, as a clause
  /// Collective: whether a rank was asked to stop; then stop_reason_ says by what, and which.
  bool stop_agreed();
  void finish();
  // What is told of it (trainer_log.cpp)
  /// `before`: the exchange's counters when the step began.
  void log_step(const StepResult& result, const LocalBatch& batch, double seconds, const parallel::ExchangeCounters& before);
  /// Collective. Of a sparse model, at logged steps alone: how far its experts and routers have come.
  void log_movement();
  void validate_now();
  double remaining_work() const;
  /// What is left will take, from one micro-batch that changes nothing.
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
  std::vector<RankAbilities> abilities_;    // by rank
  Bfloat16Choice bfloat16_;
  std::unique_ptr<RunLock> lock_;
  std::map<std::int64_t, Layout> layouts_;  // by expert; made once each, in stage order
  data::TokenizerPtr tokenizer_;
  std::vector<StageData> data_;             // by stage; equal configurations share
  std::vector<std::int32_t> token_bytes_;   // by token id
  std::optional<ModelFolder> initial_;      // of a new run: what init_from names, open, since its run may remove it
  DecoderConfig shape_;
  RunState state_;
  std::optional<TrainModel> model_;
  ParallelConfig placed_;                   // how model_'s experts are placed
  std::optional<std::size_t> stage_;        // the stage whose conversion is done
  std::int64_t saved_step_ = -1;
  std::string stop_reason_;
  // Rank 0 only
  std::unique_ptr<MetricsLog> metrics_;
  std::unique_ptr<EventLog> events_;
  std::unique_ptr<ReceiptLog> receipts_;
  std::unique_ptr<Progress> progress_;
  StepMeter meter_;
  double peak_flops_ = 0.0;                 // of all ranks together, measured at the start
  StepMetrics row_;                         // of the current step, until written
  double started_at_ = 0.0;
  double elapsed_before_ = 0.0;
};

}  // namespace sluice::recipes
