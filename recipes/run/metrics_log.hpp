// metrics.jsonl: one flat object per logged step. Names and their order are those of the run directory's contract;
// what means nothing for a step is absent. Of a sparse model's loads, over all ranks:
//   max_violation, dead_experts, starved_experts      of this step: max/mean - 1 of the worst layer; experts of all layers without a row,
//                                                     and with fewer than a tenth of the mean (the dead included)
//   max_violation/layers.N                            of this step, of sparse layer N
//   window_steps                                      in rows that end a window (balance_window steps of the stage, or what is left of it if
//                                                     that is half as many; each has a row of its own, on log_interval or not): its steps
//   window_max_violation, window_dead_experts, window_starved_experts    of the counts summed over the window
//   window_dead_experts/layers.N                      those of sparse layer N
//   window_mean_max_violation/layers.N                mean of the steps' max_violation/layers.N over the window
// Gives: StepMetrics, metrics_row(), MetricsLog.
#pragma once

#include "recipes/run/append_file.hpp"
#include "recipes/run/balance_window.hpp"
#include "recipes/run/json_row.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sluice::recipes {

/// What one logged step knows. `step` counts finished optimizer steps over all stages; losses are nats per token.
struct StepMetrics {
  std::int64_t step = 0;
  std::string stage;
  std::int64_t tokens = 0;  // trained on since the run began, over all ranks and stages
  std::optional<double> loss;
  std::optional<double> bits_per_byte;
  std::optional<double> learning_rate;         // the schedule's
  std::optional<double> router_learning_rate;  // these two where their factor is not 1
  std::optional<double> expert_learning_rate;
  std::optional<double> grad_norm;
  std::optional<double> tokens_per_second;
  std::optional<double> step_seconds;
  std::optional<double> elapsed_seconds;  // since the run began, summed over its starts
  std::optional<double> exposed_comm_seconds;
  std::optional<double> load_balancing_loss;
  std::optional<double> z_loss;
  std::optional<LoadFigures> load;
  std::optional<WindowLoad> window;         // of the window that ends with this step
  std::vector<std::int64_t> sparse_layers;  // what the figures by layer of `load` and `window` are of
  std::optional<double> dropped_fraction;
  // How far experts and routers have come (recipes/stages/expert_difference.hpp, router_movement.hpp).
  std::optional<double> expert_cosine;        // mean over sparse layers of that between a layer's experts, over all pairs
  std::optional<double> expert_dense_cosine;  // the same between each expert and what it was made of; absent where that is not known
  std::optional<double> router_grad_norm;     // over all router rows, before clipping
  // Share of held (token, sparse layer) with other experts than at the stage's last row that has expert_cosine, and the steps since; neither in its first
  // nor where top_k has changed between them.
  std::optional<double> choice_changed;
  std::optional<std::int64_t> choice_changed_steps;
  std::optional<double> imbalance_tax;
  std::optional<std::int64_t> exchange_bytes_intra;
  std::optional<std::int64_t> exchange_bytes_inter;
  std::optional<std::int64_t> memory_bytes;
  std::optional<double> mfu;
  std::optional<double> validation_loss;
  std::optional<double> validation_bits_per_byte;
  std::vector<std::pair<std::int64_t, double>> layer_expert_cosine;  // (layer, expert_cosine of it), named expert_cosine/layers.LAYER
};

/// The row with the contract's names; others may be set on it afterwards. `model`: of which of a run's several models it tells, "" for the
/// only one; all but step, stage and tokens then read MODEL/loss and so on.
JsonRow metrics_row(const StepMetrics& metrics, const std::string& model = "");

/// One writer, on rank 0. A row is with the system when write() returns, and on the disk after sync().
class MetricsLog {
 public:
  /// Opens `path`, cut back to `resumed_step` of `resumed_stage` (-1: the run starts from scratch, nothing is kept).
  MetricsLog(const std::filesystem::path& path, std::int64_t resumed_step, std::string_view resumed_stage = "");
  void write(const JsonRow& row) { file_.append(row.to_json() + '\n'); }
  void sync() { file_.sync(); }

 private:
  AppendFile file_;
};

}  // namespace sluice::recipes
