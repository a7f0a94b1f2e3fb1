#include "recipes/stages/stage_plan.hpp"

#include "recipes/schema/conversion.hpp"

#include <algorithm>

namespace sluice::recipes {

std::vector<StagePlan> plan_stages(const Recipe& recipe) {
  std::vector<StagePlan> plans;
  std::int64_t step = 0;
  for (const Stage& stage : recipe.stages) {
    plans.push_back({stage.name, stage.type, step, step + stage.max_steps, stage.from});
    step += stage.max_steps;
  }
  return plans;
}

std::int64_t top_k(const Recipe& recipe, std::size_t stage, std::int64_t stage_step) {
  const Stage& now = recipe.stages[stage];
  if (!now.moe) return 0;
  if (!now.conversion || !moe::rule_of(*now.conversion).doubles_top_k() || now.top_k_anneal_steps <= 0) return now.moe->top_k;
  const std::int64_t target = now.moe->top_k / 2;
  // The current step counts, so that the last of the anneal steps already trains with the old value.
  const std::int64_t lost = target * std::min(stage_step + 1, now.top_k_anneal_steps) / now.top_k_anneal_steps;
  return now.moe->top_k - lost;
}

namespace {

// Whether 10 or 50 steps were trained since a conversion that the model went through: in this stage, or in one that it goes on from.
bool soon_after_conversion(const Recipe& recipe, std::size_t stage, std::int64_t stage_step) {
  std::int64_t steps = stage_step;
  for (std::optional<std::size_t> at = stage; at && steps <= 50;) {
    if (recipe.stages[*at].conversion && (steps == 10 || steps == 50)) return true;
    at = parent_of(recipe, *at);
    if (at) steps += recipe.stages[*at].max_steps;
  }
  return false;
}

}  // namespace

bool validation_due(const Recipe& recipe, std::size_t stage, std::int64_t stage_step, std::int64_t global_step) {
  const Stage& now = recipe.stages[stage];
  if (stage_step == now.max_steps) return true;
  if (recipe.eval_interval > 0 && global_step % recipe.eval_interval == 0) return true;
  return soon_after_conversion(recipe, stage, stage_step);
}

}  // namespace sluice::recipes
