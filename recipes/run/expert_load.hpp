// Per-expert load as one compact line for each sparse layer.
//   layer  3  ▄▄▅▂█·▄▃  max/mean 1.84  dead 1  starved 2; over 50 steps max/mean 1.31  dead 0  starved 1
// The bars are relative to an even load: ▄ is even, █ twice that or more, ▁ an eighth to a third, · an expert that got no token.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

struct LayerLoad {
  std::int64_t layer = 0;
  std::vector<std::int64_t> counts;              // rows each expert got in the step, over all ranks
  std::vector<std::int64_t> window_counts = {};  // rows in the last window_steps steps, this one included; shown if these are 2 or more
  std::int64_t window_steps = 0;
};

/// max/mean of the counts; 1 for an even load, NaN without rows.
double max_over_mean(const std::vector<std::int64_t>& counts);
/// How many experts got no row.
std::int64_t count_dead(const std::vector<std::int64_t>& counts);
/// How many experts got fewer rows than a tenth of the mean, dead ones included.
std::int64_t count_starved(const std::vector<std::int64_t>& counts);

/// How even the load of a model's experts is.
struct LoadFigures {
  double max_violation = -1.0;     // max/mean - 1 of the worst layer
  std::vector<double> violations;  // [sparse layers], max/mean - 1 of each
  std::vector<std::int64_t> dead_by_layer;
  std::int64_t dead = 0, starved = 0;  // experts, summed over the layers
};
/// The figures of `counts` [sparse layers][experts], the rows that each expert got.
LoadFigures measure_load(const std::vector<std::vector<std::int64_t>>& counts);

/// A bar, as above, for each expert. If there are more than `max_characters`, neighbours share one, which shows the busiest of them.
std::string load_bars(const std::vector<std::int64_t>& counts, std::size_t max_characters = 64);

std::vector<std::string> format_expert_load(const std::vector<LayerLoad>& layers);

}  // namespace sluice::recipes
