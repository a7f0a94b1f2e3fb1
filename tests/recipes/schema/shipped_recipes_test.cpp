// The recipes of the repository are good, and are what their comments say.
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/routing_checks.hpp"
#include "recipes/schema/validate.hpp"
#include "tests/recipes/schema/scratch.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::recipes::test;

namespace {

const std::filesystem::path kRecipes = std::filesystem::path(__FILE__).parent_path().parent_path().parent_path().parent_path() / "recipes";

std::int64_t total_steps(const Recipe& recipe) {
  std::int64_t steps = 0;
  for (const Stage& stage : recipe.stages) steps += stage.max_steps;
  return steps;
}

}  // namespace

TEST_CASE("every recipe of the repository reads, resolves and reads back") {
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(kRecipes)) {
    if (entry.path().extension() != ".yaml") continue;
    ++count;
    INFO(entry.path().string());
    const Recipe recipe = read_recipe(entry.path());
    CHECK(read_text_recipe(dump(recipe)) == recipe);
    for (const int ranks : {1, 2, 4, 8}) CHECK(!find_mesh_problem(recipe, ranks));
  }
  CHECK(count >= 3);
}

TEST_CASE("the main job is dense, sparse, wider, flat, and fits every layout of eight ranks") {
  for (const char* name : {"quickstart.yaml", "tiny.yaml"}) {
    const Recipe recipe = read_recipe(kRecipes / name);
    REQUIRE(recipe.stages.size() == 4);
    CHECK(!recipe.stages[0].moe);
    CHECK(recipe.stages[1].moe->num_experts == 8);
    CHECK(recipe.stages[1].moe->top_k == 2);
    CHECK(moe::exactness(conversion_of(recipe, 1)).exact);
    CHECK(recipe.stages[2].moe->num_experts == 16);
    CHECK(moe::exactness(conversion_of(recipe, 2)).exact);
    CHECK(recipe.stages[3].moe->family_size == 1);
    CHECK(recipe.stages[3].allow_jump);
    for (const char* expert : {"1", "2", "4", "8"})
      CHECK(!find_mesh_problem(read_recipe(kRecipes / name, {std::string("parallel.expert=") + expert}), 8));
  }
}

TEST_CASE("two percent is reached by exact doublings of a plain router, and an expert gets 32 rows a step") {
  const Recipe recipe = read_recipe(kRecipes / "v2-two-percent.yaml");
  CHECK(!recipe.stages.front().moe);
  for (std::size_t i = 1; i < recipe.stages.size(); ++i) {
    INFO(recipe.stages[i].name);
    CHECK(recipe.stages[i].moe->num_experts == std::int64_t{8} << (i - 1));
    CHECK(recipe.stages[i].moe->family_size == 1);
    CHECK(moe::exactness(conversion_of(recipe, i)).exact);
  }
  const Stage& last = recipe.stages.back();
  CHECK(last.moe->num_experts == 128);
  CHECK(shape_after(last)->top_k == 2);
  CHECK(rows_an_expert(last) == 32.0);
  for (const char* expert : {"1", "2", "4", "8"})
    CHECK(!find_mesh_problem(read_recipe(kRecipes / "v2-two-percent.yaml", {std::string("parallel.expert=") + expert}), 8));
}

TEST_CASE("a dense control is as wide as the experts a token meets, for as many steps on the same batches") {
  for (const std::string name : {"quickstart", "v2-two-percent"}) {
    INFO(name);
    const Recipe job = read_recipe(kRecipes / (name + ".yaml"));
    const Recipe control = read_recipe(kRecipes / (name + "-dense.yaml"));
    const moe::MoeConfig last = *shape_after(job.stages.back());
    CHECK(control.model.intermediate_size == last.top_k * last.expert_hidden_size + shared_columns(last));
    CHECK(total_steps(control) == total_steps(job));
    CHECK(control.data == job.data);
    CHECK(control.train == job.train);
    CHECK(control.name != job.name);
    CHECK(control.stages.size() == 1);
  }
}
