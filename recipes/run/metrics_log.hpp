// metrics.jsonl: one flat JSON object for each logged step. The names and their order are a stable contract; a key that means nothing for a
// step is absent. Keys about the loads of a sparse model, over all ranks:
//   max_violation                        max/mean - 1 of this step, in the layer where it is largest
//   dead_experts                         experts of all layers that got no row in this step
//   starved_experts                      experts that got fewer rows than a tenth of the mean, dead ones included
//   max_violation/layers.N               max/mean - 1 of this step, in sparse layer N
// A step that ends a window (balance_window.hpp) has a row even if log_interval does not ask for one, and in it also:
//   window_steps                         the number of steps of the window
//   window_max_violation, window_dead_experts, window_starved_experts    as above, from the counts summed over the window
//   window_dead_experts/layers.N         the dead experts of sparse layer N
//   window_mean_max_violation/layers.N   the mean over the window's steps of max_violation/layers.N
// Gives: StepMetrics, metrics_row(), MetricsLog.
#pragma once

#include "recipes/run/append_file.hpp"
#include "recipes/run/balance_window.hpp"
#include "recipes/run/json_row.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::recipes {

/// The values of one logged step. `step` counts finished optimizer steps over all stages; losses are in nats per token.
struct StepMetrics {
  std::int64_t step = 0;
  std::string stage;
  std::int64_t tokens = 0;  // trained on since the run began, over all ranks and stages
  std::optional<double> loss;
  std::optional<double> bits_per_byte;
  std::optional<double> learning_rate;         // as the schedule gives it
  std::optional<double> router_learning_rate;  // this and the next are set only if their factor is not 1
  std::optional<double> expert_learning_rate;
  std::optional<double> grad_norm;
  std::optional<double> tokens_per_second;
  std::optional<double> step_seconds;
  std::optional<double> elapsed_seconds;       // since the run began, summed over its starts
  std::optional<double> exposed_comm_seconds;  // that rank 0 waited for reductions and exchanges; only with several ranks
  std::map<std::string, double> terms;         // the terms of the objective beside the loss, by name
  std::optional<LoadFigures> load;
  std::optional<WindowLoad> window;         // of the window that ends with this step
  std::vector<std::int64_t> sparse_layers;  // the layer numbers that the figures by layer in `load` and `window` belong to
  std::optional<double> dropped_fraction;
  // How far experts and routers have moved (recipes/stages/expert_difference.hpp, router_movement.hpp).
  std::optional<double> expert_cosine;        // cosine between two experts of a layer: mean over all pairs, then over sparse layers
  std::optional<double> expert_dense_cosine;  // cosine between an expert and the dense part it was made of, mean; absent if not known
  std::optional<double> router_grad_norm;     // over all router rows, before clipping
  // Share of (token of the held batch, sparse layer) pairs whose experts are others than in the stage's previous row with expert_cosine,
  // and the steps between the two rows. Absent in the first such row of a stage, and if top_k changed in between.
  std::optional<double> choice_changed;
  std::optional<std::int64_t> choice_changed_steps;
  std::optional<std::int64_t> exchange_bytes_intra;
  std::optional<std::int64_t> exchange_bytes_inter;
  std::optional<std::int64_t> memory_bytes;
  std::optional<std::int64_t> memory_allocated_bytes, memory_reserved_bytes;  // of a GPU: of tensors at most so far, and held for them
  std::optional<double> mfu;
  std::optional<double> validation_loss;
  std::optional<double> validation_bits_per_byte;
  std::vector<std::pair<std::int64_t, double>> layer_expert_cosine;  // (layer, its expert_cosine); the keys are expert_cosine/layers.LAYER
};

/// The row with the contract's names; the caller may set further keys on it. `model` is the name of the model that it is about, "" if the
/// run has only one. With a name, all keys but step, stage and tokens have it before them: MODEL/loss and so on.
JsonRow metrics_row(const StepMetrics& metrics, const std::string& model = "");

/// Used on rank 0 only. A row is with the operating system when write() returns, and on the disk after sync().
class MetricsLog {
 public:
  /// Opens `path` and cuts it back to `resumed_step` of `resumed_stage` (cut_back_jsonl; -1: a run from scratch, nothing is kept).
  MetricsLog(const std::filesystem::path& path, std::int64_t resumed_step, std::string_view resumed_stage = "");
  void write(const JsonRow& row) { file_.append(row.to_json() + '\n'); }
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

}  // namespace sluice::recipes
