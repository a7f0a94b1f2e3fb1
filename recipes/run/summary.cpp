#include "recipes/run/summary.hpp"

#include "recipes/run/jsonl.hpp"
#include "recipes/run/run_directory.hpp"
#include "recipes/run/units.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace sluice::recipes {
namespace {

std::optional<double> validation_at(const std::vector<JsonRow>& rows, const std::string& stage, std::int64_t step) {
  for (const JsonRow& row : rows)
    if (row.integer("step", -1) == step && row.text("stage") == stage && row.find("validation_loss") != nullptr)
      return row.number("validation_loss");
  return std::nullopt;
}

// The first stage that goes on from stage `index`; stages.size() if none does.
std::size_t next_stage(const std::vector<StagePlan>& stages, std::size_t index) {
  for (std::size_t i = index + 1; i < stages.size(); ++i)
    if (stages[i].from.empty() ? i == index + 1 : stages[i].from == stages[index].name) return i;
  return stages.size();
}

std::optional<double> validation_after(const std::vector<JsonRow>& rows, const std::vector<StagePlan>& stages, const std::string& converted,
                                       std::int64_t steps) {
  std::size_t index = 0;
  while (index < stages.size() && stages[index].name != converted) ++index;
  for (; index < stages.size(); index = next_stage(stages, index)) {
    const StagePlan& stage = stages[index];
    if (steps <= stage.last_step - stage.first_step) return validation_at(rows, stage.name, stage.first_step + steps);
    steps -= stage.last_step - stage.first_step;
  }
  return std::nullopt;
}

WindowSummary window_of(const JsonRow& row) {
  WindowSummary window{row.integer("step", 0),
                       row.integer("window_steps", 0),
                       row.integer("window_dead_experts", 0),
                       row.integer("window_starved_experts", 0),
                       row.number("window_max_violation"),
                       {}};
  constexpr std::string_view by_layer = "window_mean_max_violation/";
  for (const auto& [key, value] : row.items())
    if (key.compare(0, by_layer.size(), by_layer) == 0)
      window.mean_max_violation.emplace_back(key.substr(by_layer.size()), row.number(key));
  return window;
}

std::string describe_window(const StageSummary& stage) {
  const WindowSummary& window = *stage.last_window;
  std::string means;
  for (const auto& [layer, mean] : window.mean_max_violation) means += fmt::format("{}{:.2f}", means.empty() ? "" : ", ", mean + 1.0);
  return fmt::format("experts of '{}' over its last {} steps: {} dead, {} starved, max/mean {:.2f}; mean of the steps' own by layer: {}",
                     stage.name, window.steps, window.dead_experts, window.starved_experts, window.max_violation + 1.0, means);
}

std::string shown(const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : std::string("-"); }

std::string from_to(double first, double last, bool moved) {
  return moved ? fmt::format("{:.4f} -> {:.4f}", first, last) : fmt::format("{:.4f}", last);
}

std::vector<std::string> stage_table(const std::vector<StageSummary>& stages) {
  std::vector<std::array<std::string, 5>> rows = {{"stage", "type", "steps", "validation loss", "bits per byte"}};
  for (const StageSummary& stage : stages) {
    std::string loss = "-", bits = "-";
    if (const auto& last = stage.last_validation) {
      const Validation& first = *stage.first_validation;
      const bool moved = first.step != last->step;
      loss = from_to(first.loss, last->loss, moved);
      bits = from_to(first.bits_per_byte, last->bits_per_byte, moved);
    }
    rows.push_back({stage.name, std::string(name_of(stage.type)), std::to_string(stage.steps), loss, bits});
  }
  std::array<std::size_t, 5> widths = {5, 8, 7, 16, 16};
  for (const auto& row : rows)
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  std::vector<std::string> lines;
  for (const auto& row : rows)
    lines.push_back(fmt::format("{:<{}}  {:<{}}  {:>{}}  {:>{}}  {:>{}}", row[0], widths[0], row[1], widths[1], row[2], widths[2], row[3],
                                widths[3], row[4], widths[4]));
  return lines;
}

}  // namespace

RunSummary summarize_run(const std::filesystem::path& directory, const std::vector<StagePlan>& stages) {
  const RunDirectory run(directory);
  const std::vector<JsonRow> rows = read_jsonl(run.metrics());
  RunSummary summary;
  for (const JsonRow& row : rows) {
    summary.steps = std::max(summary.steps, row.integer("step", 0));
    summary.tokens = std::max(summary.tokens, row.integer("tokens", 0));
    const double elapsed = row.number("elapsed_seconds");
    if (elapsed > summary.seconds) summary.seconds = elapsed;
  }
  for (const StagePlan& plan : stages) {
    StageSummary stage;
    stage.name = plan.name;
    stage.type = plan.type;
    stage.steps = std::clamp(summary.steps, plan.first_step, plan.last_step) - plan.first_step;
    for (const JsonRow& row : rows) {
      if (row.text("stage") != plan.name) continue;
      if (row.find("window_steps") != nullptr) stage.last_window = window_of(row);
      if (row.find("validation_loss") == nullptr) continue;
      const Validation validation{row.integer("step", 0), row.number("validation_loss"), row.number("validation_bits_per_byte")};
      if (!stage.first_validation) stage.first_validation = validation;
      stage.last_validation = validation;
    }
    summary.stages.push_back(std::move(stage));
  }
  for (Receipt& receipt : read_receipts(run.receipts())) {
    ConversionSummary conversion;
    conversion.validation_loss_after_10_steps = validation_after(rows, stages, receipt.stage, 10);
    conversion.validation_loss_after_50_steps = validation_after(rows, stages, receipt.stage, 50);
    conversion.receipt = std::move(receipt);
    summary.conversions.push_back(std::move(conversion));
  }
  return summary;
}

std::vector<std::string> format_summary(const RunSummary& summary) {
  std::vector<std::string> lines;
  lines.push_back(fmt::format("run '{}': {}", summary.name, summary.finished ? "finished" : "not finished"));
  for (const std::string& line : stage_table(summary.stages)) lines.push_back("  " + line);
  for (const StageSummary& stage : summary.stages)
    if (stage.last_window) lines.push_back("  " + describe_window(stage));
  for (const ConversionSummary& conversion : summary.conversions) {
    for (const std::string& line : format_receipt(conversion.receipt, summary.dtype)) lines.push_back("  " + line);
    if (conversion.receipt.note.empty())
      lines.push_back(fmt::format("    validation loss 10 steps after: {}, 50 steps after: {}",
                                  shown(conversion.validation_loss_after_10_steps), shown(conversion.validation_loss_after_50_steps)));
  }
  lines.push_back(fmt::format("  {} steps, {} tokens in {}; run directory {}", summary.steps,
                              human_count(static_cast<double>(summary.tokens)), human_duration(summary.seconds), summary.directory));
  return lines;
}

}  // namespace sluice::recipes
