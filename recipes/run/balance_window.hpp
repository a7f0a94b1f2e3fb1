// Expert loads over a window of steps: a step has few tokens for many experts, and one without a token in it is not dead. Windows are
// counted in a stage's own steps, so that none crosses a conversion. Counts in, figures out.
#pragma once

#include "recipes/run/expert_load.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

/// A window so far, as a checkpoint keeps it. Integers and sums in the order of the steps: a run that was stopped tells the same.
struct BalanceWindow {
  std::int64_t steps = 0;
  std::vector<std::vector<std::int64_t>> counts;  // [sparse layers][experts], summed
  std::vector<double> violations;                 // [sparse layers], max/mean - 1 of each step, summed

  /// One more step; `step_counts` [sparse layers][experts], over all ranks.
  void add(const std::vector<std::vector<std::int64_t>>& step_counts);
  /// Whether it is empty or of so many sparse layers and experts.
  bool fits(std::size_t layers, std::int64_t experts) const;
  bool operator==(const BalanceWindow&) const = default;
};

/// What a window comes to.
struct WindowLoad {
  std::int64_t steps = 0;
  LoadFigures summed;                           // of the window's counts, summed over its steps
  std::vector<double> mean_violations;          // [sparse layers], the mean of each step's max/mean - 1
};
WindowLoad measure_window(const BalanceWindow& window);

/// Whether a window ends with step `stage_step` (from 1) of a stage of `max_steps`. What is left at a stage's end is one if it is at
/// least half a window or all of the stage: over a few steps many experts go without.
bool window_ends(std::int64_t stage_step, std::int64_t max_steps, std::int64_t balance_window);

}  // namespace sluice::recipes
