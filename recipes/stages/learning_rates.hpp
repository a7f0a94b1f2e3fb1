// The learning rates of a recipe's steps: what each step uses, what does not fit its horizon, and what another recipe changes in a
// stage that is under way. Pure functions of recipes.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Learning rate of the step that follows `stage_step` finished steps of stage `stage`: within the stage if it has its own
/// lr_scheduler, else within all stages that share the top level's. A stage that resets the optimizer warms up again.
double learning_rate(const Recipe& recipe, std::size_t stage, std::int64_t stage_step);

/// ", learning rate x 0.1 for routers, x 2 for experts" of a sparse stage whose factors are not 1; "" else.
std::string describe_rate_factors(const TrainConfig& train);

/// A line for each schedule that does not fit its horizon: a warm-up that does not end in it or runs into the decay, a decay that
/// leads nowhere. They are no errors: the rates are what the recipe says.
std::vector<std::string> schedule_warnings(const Recipe& recipe);

/// Half a sentence if going on with `now` after `stage_step` steps of stage `stage` changes learning rates of that stage (the stages up
/// to it being equal): those of the next step or, where they are equal, of the first that differs. After the last step of the stage:
/// if that step would have had another one. "" if nothing changes.
std::string describe_schedule_change(const Recipe& before, const Recipe& now, std::size_t stage, std::int64_t stage_step);

}  // namespace sluice::recipes
