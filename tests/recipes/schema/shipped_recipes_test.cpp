// The recipes of the repository are good, and are what their comments say.
#include "recipes/schema/conversion.hpp"
#include "recipes/schema/dump.hpp"
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
    CHECK(exact(conversion_of(recipe, 1)).exact);
    CHECK(recipe.stages[2].moe->num_experts == 16);
    CHECK(exact(conversion_of(recipe, 2)).exact);
    CHECK(recipe.stages[3].moe->family_size == 1);
    CHECK(recipe.stages[3].allow_jump);
    for (const char* expert : {"1", "2", "4", "8"}) {
      CHECK(!find_mesh_problem(read_recipe(kRecipes / name, {std::string("parallel.expert=") + expert}), 8));
    }
  }
}

TEST_CASE("the dense control is as wide as the experts a token meets, for as many steps on the same batches") {
  const Recipe job = read_recipe(kRecipes / "quickstart.yaml");
  const Recipe control = read_recipe(kRecipes / "quickstart-dense.yaml");
  const moe::MoeConfig& flat = *job.stages[3].moe;
  CHECK(control.model.intermediate_size == flat.top_k * flat.expert_hidden_size + shared_columns(flat));
  CHECK(total_steps(control) == total_steps(job));
  CHECK(control.data == job.data);
  CHECK(control.train == job.train);
  CHECK(control.name != job.name);
  CHECK(control.stages.size() == 1);
}
