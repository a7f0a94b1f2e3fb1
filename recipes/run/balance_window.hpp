// Expert loads over a window of steps. One step has few tokens for many experts, so an expert without a token in it need not be dead.
// A window counts steps of one stage, so none crosses a conversion. Pure functions of counts.
#pragma once

#include "recipes/run/expert_load.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

/// The steps of a window so far; checkpoints store it. Sums are made in the order of the steps, so a run that was stopped and resumed gets
/// the same figures.
struct BalanceWindow {
  std::int64_t steps = 0;
  std::vector<std::vector<std::int64_t>> counts;  // [sparse layers][experts], summed
  std::vector<double> violations;                 // [sparse layers], max/mean - 1 of each step, summed

  /// Adds a step. `step_counts` [sparse layers][experts] are the rows that each expert got, over all ranks.
  void add(const std::vector<std::vector<std::int64_t>>& step_counts);
  /// Whether the window is empty, or has this many sparse layers and experts in each of them.
  bool fits(std::size_t layers, std::int64_t experts) const;
  bool operator==(const BalanceWindow&) const = default;
};

/// The figures of a window.
struct WindowLoad {
  std::int64_t steps = 0;
  LoadFigures summed;                   // of the window's counts, summed over its steps
  std::vector<double> mean_violations;  // [sparse layers], the mean over the steps of max/mean - 1
};
WindowLoad measure_window(const BalanceWindow& window);

/// Whether a window ends with step `stage_step` (from 1) of a stage of `max_steps`: every `balance_window` steps. The steps left over at
/// the end of a stage are a window if they are at least half of one, or the whole stage; over fewer steps many experts get no row.
bool window_ends(std::int64_t stage_step, std::int64_t max_steps, std::int64_t balance_window);

}  // namespace sluice::recipes
