// What each step of a recipe uses: ranges of steps, the annealing of top_k, when validation is due.
#include "recipes/stages/stage_plan.hpp"

#include "recipes/schema/conversion.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;

namespace {

Stage stage(const char* name, StageType type, std::int64_t max_steps) {
  Stage s;
  s.name = name;
  s.type = type;
  s.max_steps = max_steps;
  if (type == StageType::kPretrain) return s;
  s.conversion = conversions_of(type).front();
  s.moe = moe::MoeConfig{};
  return s;
}

Stage doubling(std::int64_t max_steps, std::int64_t anneal_steps, std::int64_t doubled) {
  Stage s = stage("twice", StageType::kGrow, max_steps);
  s.conversion = moe::ConversionKind::kGrowDoubleTopK;
  s.top_k_anneal_steps = anneal_steps;
  s.moe->top_k = doubled;
  return s;
}

std::vector<std::int64_t> top_ks(const Recipe& recipe, std::size_t index) {
  std::vector<std::int64_t> values;
  for (std::int64_t step = 0; step < recipe.stages[index].max_steps; ++step) values.push_back(top_k(recipe, index, step));
  return values;
}

std::vector<std::int64_t> validations(const Recipe& recipe, std::size_t index) {
  std::int64_t before = 0;
  for (std::size_t i = 0; i < index; ++i) before += recipe.stages[i].max_steps;
  std::vector<std::int64_t> due;
  for (std::int64_t step = 1; step <= recipe.stages[index].max_steps; ++step)
    if (validation_due(recipe, index, step, before + step)) due.push_back(step);
  return due;
}

using List = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("stages are ranges of global steps") {
  Recipe recipe;
  recipe.stages = {stage("a", StageType::kPretrain, 30), stage("b", StageType::kSparsify, 20), stage("c", StageType::kFlatten, 5)};
  recipe.stages[2].from = "a";
  const std::vector<StagePlan> plans = plan_stages(recipe);
  REQUIRE(plans.size() == 3);
  CHECK(plans[1].name == "b");
  CHECK(plans[1].type == StageType::kSparsify);
  CHECK(plans[1].first_step == 30);
  CHECK(plans[1].last_step == 50);
  CHECK(plans[1].from.empty());
  CHECK(plans[2].from == "a");
  CHECK(plans[2].last_step == 55);
}

TEST_CASE("top_k anneals evenly, and the last step of the annealing has its final value") {
  Recipe recipe;
  recipe.stages = {doubling(8, 8, 4)};
  CHECK(top_ks(recipe, 0) == List{4, 4, 4, 3, 3, 3, 3, 2});  // the stage ends with what the next one is told to start from
  recipe.stages = {doubling(6, 4, 4)};
  CHECK(top_ks(recipe, 0) == List{4, 3, 3, 2, 2, 2});
  recipe.stages = {doubling(9, 9, 6)};
  CHECK(top_ks(recipe, 0) == List{6, 6, 5, 5, 5, 4, 4, 4, 3});
  recipe.stages = {doubling(3, 0, 4)};
  CHECK(top_ks(recipe, 0) == List{4, 4, 4});
  recipe.stages = {stage("copies", StageType::kGrow, 2), stage("dense", StageType::kPretrain, 2)};
  CHECK(top_ks(recipe, 0) == List{2, 2});
  CHECK(top_ks(recipe, 1) == List{0, 0});
}

TEST_CASE("validation is due at intervals, at ends, and 10 and 50 steps after a conversion") {
  Recipe recipe;
  recipe.eval_interval = 25;
  recipe.stages = {stage("a", StageType::kPretrain, 60), stage("b", StageType::kSparsify, 70)};
  CHECK(validations(recipe, 0) == List{25, 50, 60});
  CHECK(validations(recipe, 1) == List{10, 15, 40, 50, 65, 70});
}

TEST_CASE("a conversion's validations follow it into the stages that go on from it") {
  Recipe recipe;
  recipe.eval_interval = 1000;
  recipe.stages = {stage("a", StageType::kPretrain, 20), stage("b", StageType::kSparsify, 8), stage("c", StageType::kGrow, 30),
                   stage("aside", StageType::kSparsify, 60), stage("d", StageType::kPretrain, 40)};
  recipe.stages[3].from = "a";
  recipe.stages[4].from = "c";
  CHECK(validations(recipe, 1) == List{8});
  CHECK(validations(recipe, 2) == List{2, 10, 30});   // 10 steps after b, then after c itself
  CHECK(validations(recipe, 3) == List{10, 50, 60});  // b and c are none of its past
  CHECK(validations(recipe, 4) == List{12, 20, 40});  // 50 steps after b and after c
}
