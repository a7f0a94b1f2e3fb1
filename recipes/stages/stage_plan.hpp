// The stages of a recipe as ranges of global steps, and what happens at each: pure functions of the recipe. Its learning rates are in
// learning_rates.hpp.
#pragma once

#include "core/shape/decoder_config.hpp"
#include "recipes/run/summary.hpp"
#include "recipes/schema/recipe.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace sluice::recipes {

/// Stages trained one after the other; stage i trains steps first_step+1 .. last_step.
std::vector<StagePlan> plan_stages(const Recipe& recipe);

/// top_k of the step that follows `stage_step` finished steps of the stage with index `stage`; 0 in a dense stage. A double_top_k stage
/// starts at twice the old top_k and returns to it evenly over top_k_anneal_steps; the last of these steps has the old value.
std::int64_t top_k(const Recipe& recipe, std::size_t stage, std::int64_t stage_step);

/// Whether a validation is due after `stage_step` finished steps of the stage: every eval_interval global steps, at the end of a stage, and
/// 10 and 50 steps after a conversion, which may be in a later stage if the converted one is shorter.
bool validation_due(const Recipe& recipe, std::size_t stage, std::int64_t stage_step, std::int64_t global_step);

}  // namespace sluice::recipes
