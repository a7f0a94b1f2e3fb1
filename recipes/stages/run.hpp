// A run: all stages of a recipe, from where its directory stands to the summary.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/schema/recipe.hpp"

#include <string>

namespace sluice::recipes {

/// Collective. Trains, saves, evaluates and reports as the recipe says; continues what the run directory holds. `resolved` is the
/// recipe as YAML (rank 0's is stored). Returns kDone, or kStopped after a stop on request; errors are thrown.
ExitCode run_recipe(parallel::World& world, const Recipe& recipe, const std::string& resolved);

}  // namespace sluice::recipes
