#include "recipes/stages/device_products.hpp"

#include "tests/support/catch.hpp"

using namespace sluice;
using namespace sluice::recipes;

namespace {

Recipe recipe_of(DType dtype, std::int64_t experts, std::int64_t width, std::int64_t expert = 1) {
  Recipe recipe;
  recipe.dtype = dtype;
  recipe.stages.resize(2);
  recipe.stages[1].parallel.expert = expert;
  if (experts == 0) return recipe;
  recipe.stages[1].moe.emplace();
  recipe.stages[1].moe->num_experts = experts;
  recipe.stages[1].moe->expert_hidden_size = width;
  return recipe;
}

bool says(const Recipe& recipe, const std::vector<int>& majors, const char* part) {
  DecoderConfig decoder;
  decoder.hidden_size = 64;
  return describe_products(recipe, decoder, majors).find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("the header says when nothing is read from a device, and when counts are") {
  constexpr const char *kNothing = "nothing is read from the device", *kCounts = "counts are read from the device once",
                       *kLoop = "one after the other", *kAtOnce = "experts at once";
  CHECK(says(recipe_of(DType::kFloat32, 0, 0), {9}, kNothing));
  CHECK(says(recipe_of(DType::kBFloat16, 8, 32), {9}, kNothing));
  CHECK(says(recipe_of(DType::kBFloat16, 8, 32), {10}, kAtOnce));
  for (const Recipe& looped :
       {recipe_of(DType::kFloat32, 8, 32), recipe_of(DType::kBFloat16, 8, 12), recipe_of(DType::kBFloat16, 1024, 32)}) {
    CHECK(says(looped, {9}, kLoop));
    CHECK(says(looped, {9}, kCounts));
  }
  CHECK(says(recipe_of(DType::kBFloat16, 8, 32), {8}, kCounts));
  CHECK(says(recipe_of(DType::kBFloat16, 8, 32), {12}, kCounts));
  CHECK(says(recipe_of(DType::kBFloat16, 8, 32, 2), {9, 9}, kCounts));
  CHECK(says(recipe_of(DType::kBFloat16, 1024, 32, 2), {9, 9}, kAtOnce));
  CHECK(says(recipe_of(DType::kBFloat16, 0, 0), {9, 9}, "only what ranks exchange"));
  CHECK(says(recipe_of(DType::kBFloat16, 0, 0), {9}, "rounded to bfloat16 once"));
  CHECK_FALSE(says(recipe_of(DType::kFloat32, 0, 0), {9}, "rounded"));
}
