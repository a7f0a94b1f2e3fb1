// The summary of a run: steps, validation and expert loads of each stage, each conversion's receipt with the validation 10 and 50 steps
// later, and totals. It is made from metrics.jsonl and receipts.jsonl alone, so a run that was stopped and resumed has the same summary.
// summary.json holds it; with "finished": true it is the completion marker of the run.
// Gives: StagePlan, StageSummary, ConversionSummary, RunSummary, summarize_run(), format_summary(), write_summary(), read_summary().
#pragma once

#include "core/base/dtype.hpp"
#include "recipes/run/receipts.hpp"
#include "recipes/schema/recipe.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace sluice::recipes {

/// A stage as the recipe has it: it trains steps first_step+1 .. last_step, counted over all stages.
struct StagePlan {
  std::string name;
  StageType type = StageType::kPretrain;
  std::int64_t first_step = 0;
  std::int64_t last_step = 0;
  std::string from = "";  // the stage it goes on from; "" = the one before it in the list
};

struct Validation {
  std::int64_t step = 0;
  double loss = 0.0;  // nats per token; NaN where it was not finite
  double bits_per_byte = 0.0;
};

/// The last window of expert loads of a stage (metrics.jsonl's window_*).
struct WindowSummary {
  std::int64_t step = 0;   // the step that it ended with
  std::int64_t steps = 0;  // its length
  std::int64_t dead_experts = 0, starved_experts = 0;
  double max_violation = 0.0;
  std::vector<std::pair<std::string, double>> mean_max_violation;  // by sparse layer: "layers.3", ascending
  bool operator==(const WindowSummary&) const = default;
};

struct StageSummary {
  std::string name;
  StageType type = StageType::kPretrain;
  std::int64_t steps = 0;
  std::optional<Validation> first_validation;  // the earliest of the stage
  std::optional<Validation> last_validation;
  std::optional<WindowSummary> last_window;  // of a sparse stage
};

struct ConversionSummary {
  Receipt receipt;
  // In the conversion's stage or, if that is too short, in the first stage that goes on from it, and so on. Absent if not measured.
  std::optional<double> validation_loss_after_10_steps;
  std::optional<double> validation_loss_after_50_steps;
};

struct RunSummary {
  bool finished = false;
  std::string name;
  std::string directory;
  DType dtype = DType::kFloat32;
  std::int64_t steps = 0;
  std::int64_t tokens = 0;
  double seconds = 0.0;  // of training, evaluation and saving, over all starts
  std::vector<StageSummary> stages;
  std::vector<ConversionSummary> conversions;
};

/// The summary of the run in `directory` as far as it got; the caller sets `finished`, `name`, `directory` and `dtype`.
RunSummary summarize_run(const std::filesystem::path& directory, const std::vector<StagePlan>& stages);

/// For the terminal: one line per stage, the receipts, the totals and where the run is.
std::vector<std::string> format_summary(const RunSummary& summary);

void write_summary(const std::filesystem::path& path, const RunSummary& summary);
/// Data error (exit 3) if the file is not a summary.
RunSummary read_summary(const std::filesystem::path& path);

}  // namespace sluice::recipes
