// Runs a recipe: all its stages, from where the run directory left off up to the summary.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/schema/recipe.hpp"

#include <string>

namespace sluice::recipes {

/// Collective. Trains, saves, evaluates and reports as the recipe says; continues the run in the run directory if there is one. `resolved`
/// is the recipe as YAML (dump()); rank 0 stores its own. Returns kDone, or kStopped after a stop on request; errors are thrown.
ExitCode run_recipe(parallel::World& world, const Recipe& recipe, const std::string& resolved);

}  // namespace sluice::recipes
