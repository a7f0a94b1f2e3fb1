// The learning rate of each step of a recipe, warnings about schedules, and what a changed recipe does to the rates of a stage that is
// under way. The horizon of a schedule is the steps that it covers. Pure functions of recipes.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

/// The learning rate of the step that follows `stage_step` finished steps of the stage with index `stage`. The horizon is the stage itself
/// if it has its own lr_scheduler, else all stages that share the top level's. A converting stage that resets the optimizer warms up again.
double learning_rate(const Recipe& recipe, std::size_t stage, std::int64_t stage_step);

/// ", learning rate x 0.1 for routers, x 2 for experts" of a sparse stage whose factors are not 1; "" else.
std::string describe_rate_factors(const TrainConfig& train);

/// A line of warning for each schedule that does not fit its horizon: the warm-up is too long for it or runs into the decay, or nothing
/// decays. These are no errors: the rates are what the recipe says.
std::vector<std::string> schedule_warnings(const Recipe& recipe);

/// Half a sentence if going on with the recipe `now` instead of `before`, after `stage_step` steps of the stage with index `stage`, changes
/// the learning rates of that stage; the stages up to it must be equal in both. It tells the rates of the next step or, if these are equal,
/// of the first later step that differs; after the last step of the stage, those of that last step. "" if nothing changes.
std::string describe_schedule_change(const Recipe& before, const Recipe& now, std::size_t stage, std::int64_t stage_step);

}  // namespace sluice::recipes
