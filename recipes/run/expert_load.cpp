#include "recipes/run/expert_load.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <numeric>

namespace sluice::recipes {
namespace {

constexpr std::array<const char*, 9> kBars = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};

double mean(const std::vector<std::int64_t>& counts) {
  if (counts.empty()) return 0;
  return static_cast<double>(std::accumulate(counts.begin(), counts.end(), std::int64_t{0})) / static_cast<double>(counts.size());
}

std::string format_counts(const std::vector<std::int64_t>& counts) {
  const double uneven = max_over_mean(counts);
  return fmt::format("{}  dead {}  starved {}", std::isnan(uneven) ? std::string("no tokens") : fmt::format("max/mean {:.2f}", uneven),
                     count_dead(counts), count_starved(counts));
}

}  // namespace

double max_over_mean(const std::vector<std::int64_t>& counts) {
  const double even = mean(counts);
  if (even <= 0) return std::numeric_limits<double>::quiet_NaN();
  return static_cast<double>(*std::max_element(counts.begin(), counts.end())) / even;
}

std::int64_t count_dead(const std::vector<std::int64_t>& counts) { return std::count(counts.begin(), counts.end(), 0); }

std::int64_t count_starved(const std::vector<std::int64_t>& counts) {
  const std::int64_t total = std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
  const auto experts = static_cast<std::int64_t>(counts.size());
  return std::count_if(counts.begin(), counts.end(), [&](std::int64_t count) { return 10 * count * experts < total || count == 0; });
}

LoadFigures measure_load(const std::vector<std::vector<std::int64_t>>& counts) {
  LoadFigures load;
  for (const std::vector<std::int64_t>& layer : counts) {
    load.violations.push_back(max_over_mean(layer) - 1.0);
    load.max_violation = std::max(load.max_violation, load.violations.back());
    load.dead_by_layer.push_back(count_dead(layer));
    load.dead += load.dead_by_layer.back();
    load.starved += count_starved(layer);
  }
  return load;
}

std::string load_bars(const std::vector<std::int64_t>& counts, std::size_t max_characters) {
  const double even = mean(counts);
  const std::size_t characters = std::min(counts.size(), max_characters);
  std::string bars;
  for (std::size_t i = 0; i < characters; ++i) {
    const std::size_t begin = i * counts.size() / characters;
    const std::size_t end = (i + 1) * counts.size() / characters;
    const std::int64_t busiest =
        *std::max_element(counts.begin() + static_cast<std::ptrdiff_t>(begin), counts.begin() + static_cast<std::ptrdiff_t>(end));
    const int level = busiest == 0 ? 0 : static_cast<int>(std::clamp(std::round(4 * static_cast<double>(busiest) / even), 1.0, 8.0));
    bars += kBars[static_cast<std::size_t>(level)];
  }
  return bars;
}

std::vector<std::string> format_expert_load(const std::vector<LayerLoad>& layers) {
  std::vector<std::string> lines;
  for (const LayerLoad& load : layers) {
    std::string line = fmt::format("layer {:>2}  {}  {}", load.layer, load_bars(load.counts), format_counts(load.counts));
    if (load.window_steps > 1) line += fmt::format("; over {} steps {}", load.window_steps, format_counts(load.window_counts));
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace sluice::recipes
