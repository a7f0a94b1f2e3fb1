#include "recipes/run/balance_window.hpp"

namespace sluice::recipes {

void BalanceWindow::add(const std::vector<std::vector<std::int64_t>>& step_counts) {
  if (steps == 0) {
    counts.assign(step_counts.size(), {});
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i].assign(step_counts[i].size(), 0);
    violations.assign(step_counts.size(), 0.0);
  }
  ++steps;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    for (std::size_t e = 0; e < counts[i].size(); ++e) counts[i][e] += step_counts[i][e];
    violations[i] += max_over_mean(step_counts[i]) - 1.0;
  }
}

bool BalanceWindow::fits(std::size_t layers, std::int64_t experts) const {
  if (steps == 0) return counts.empty() && violations.empty();
  if (counts.size() != layers || violations.size() != layers) return false;
  for (const std::vector<std::int64_t>& layer : counts)
    if (static_cast<std::int64_t>(layer.size()) != experts) return false;
  return true;
}

WindowLoad measure_window(const BalanceWindow& window) {
  WindowLoad load{window.steps, measure_load(window.counts), {}};
  for (const double sum : window.violations) load.mean_violations.push_back(sum / static_cast<double>(window.steps));
  return load;
}

bool window_ends(std::int64_t stage_step, std::int64_t max_steps, std::int64_t balance_window) {
  const std::int64_t since = stage_step % balance_window;
  return since == 0 || (stage_step == max_steps && (2 * since >= balance_window || since == stage_step));
}

}  // namespace sluice::recipes
