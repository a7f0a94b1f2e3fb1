// Per-expert load as one compact line for each sparse layer.
//   layer  3  ▄▄▅▂█·▄▃  max/mean 1.84  dead 1
// The bars are relative to an even load: ▄ is even, █ twice that or more, ▁ an eighth to a third, · an expert that got no token.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

struct LayerLoad {
  std::int64_t layer = 0;
  std::vector<std::int64_t> counts;  // rows each expert got in the step, over all ranks
};

/// max/mean of the counts; 1 for an even load, NaN without rows.
double max_over_mean(const std::vector<std::int64_t>& counts);
std::int64_t count_dead(const std::vector<std::int64_t>& counts);
/// Experts with less than a tenth of an even load, dead ones among them.
std::int64_t count_starved(const std::vector<std::int64_t>& counts);

/// One character an expert. Beyond `max_characters` neighbours share one, which shows the busiest of them.
std::string load_bars(const std::vector<std::int64_t>& counts, std::size_t max_characters = 64);

std::vector<std::string> format_expert_load(const std::vector<LayerLoad>& layers);

}  // namespace sluice::recipes
