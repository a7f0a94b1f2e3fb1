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
std::int64_t total_steps(const Recipe& recipe);

/// top_k of the step that follows `stage_step` finished steps of stage `stage`: a double_top_k stage lets it fall from twice its old value back to it, evenly over top_k_anneal_steps, the
/// last of which has the old value.
std::int64_t top_k(const Recipe& recipe, std::size_t stage, std::int64_t stage_step);

/// Whether a validation is due after `stage_step` finished steps of the stage: at intervals of global steps, at the ends of
/// stages, and 10 and 50 steps after a conversion, in the stages that go on from a shorter one if need be.
bool validation_due(const Recipe& recipe, std::size_t stage, std::int64_t stage_step, std::int64_t global_step);

}  // namespace sluice::recipes
