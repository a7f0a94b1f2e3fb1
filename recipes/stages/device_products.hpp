// What the header of a run on GPUs says of how they multiply, and of what the host waits for.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// `decoder` is the run's decoder; majors are the major compute capabilities of the ranks' devices.
std::string describe_products(const Recipe& recipe, const DecoderConfig& decoder, const std::vector<int>& majors);

}  // namespace sluice::recipes
