// Conversions as stages do them: their receipts, and a model that has diverged.
#include "recipes/stages/conversion_stage.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <limits>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

EvaluationSet held() {
  const LocalBatch batch = tiny_batch(3, 8, tiny_decoder().vocab_size, 9);
  EvaluationSet set;
  set.tokens = batch.tokens;
  set.length = batch.length;
  return set;
}

moe::MoeConfig shape(std::int64_t num_experts, std::int64_t top_k, std::int64_t family_size) {
  moe::MoeConfig moe = tiny_moe();
  moe.expert_hidden_size = tiny_decoder().intermediate_size;
  moe.num_experts = num_experts;
  moe.top_k = top_k;
  moe.family_size = family_size;
  return moe;
}

// A recipe whose first stage starts from `before` (absent: dense) and makes `after`.
Recipe recipe_of(StageType type, ConversionMethod method, const std::optional<moe::MoeConfig>& before, const moe::MoeConfig& after) {
  Recipe recipe;
  recipe.model = tiny_decoder();
  recipe.initial_moe = before;
  Stage stage;
  stage.name = "converted";
  stage.type = type;
  stage.method = method;
  stage.moe = after;
  recipe.stages = {stage};
  return recipe;
}

std::vector<Receipt> receipts_of(TrainModel& old, const Recipe& recipe) {
  return run_conversion(old, recipe, 0, alone_layout(), held(), 7).receipts;
}

}  // namespace

TEST_CASE("an exact conversion has one receipt, and what comes on top of it another that promises nothing") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  Recipe recipe = recipe_of(StageType::kSparsify, ConversionMethod::kCopy, std::nullopt, shape(4, 2, 1));
  std::vector<Receipt> receipts = receipts_of(dense, recipe);
  REQUIRE(receipts.size() == 1);
  CHECK(receipts[0].exact);
  CHECK(receipts[0].step == 7);
  CHECK(receipts[0].note.empty());
  CHECK(within_limits(receipts[0], DType::kFloat64));

  recipe.stages[0].weight_noise = 0.1;
  receipts = receipts_of(dense, recipe);
  REQUIRE(receipts.size() == 2);
  CHECK(receipts[0].exact);
  CHECK(within_limits(receipts[0], DType::kFloat64));
  CHECK(!receipts[1].exact);
  CHECK(receipts[1].note.find("after weight_noise 0.1, ") == 0);
  CHECK(!within_limits(receipts[1], DType::kFloat64));
  CHECK(receipts[1].loss_before == receipts[0].loss_before);
}

TEST_CASE("growth in a flat router parts its replicas by default, after the receipt of the conversion") {
  const moe::MoeConfig before = shape(4, 2, 1);
  TrainModel sparse = tiny_model(tiny_decoder(), before, at::kDouble);
  const Recipe twice = recipe_of(StageType::kGrow, ConversionMethod::kDoubleTopK, before, shape(8, 4, 1));
  const std::vector<Receipt> doubled = receipts_of(sparse, twice);
  REQUIRE(doubled.size() == 2);
  CHECK(doubled[0].exact);
  CHECK(within_limits(doubled[0], DType::kFloat64));
  CHECK(!doubled[1].exact);
  CHECK(doubled[1].note == "after twins' router rows parted");

  Recipe copy = recipe_of(StageType::kGrow, ConversionMethod::kCopy, before, shape(8, 2, 1));
  copy.stages[0].weight_noise = 0.01;
  const ConversionOutcome outcome = run_conversion(sparse, copy, 0, alone_layout(), held(), 7);
  REQUIRE(outcome.receipts.size() == 2);
  CHECK(!outcome.receipts[0].exact);
  CHECK(!outcome.receipts[1].exact);
  CHECK(outcome.receipts[1].note.find("after replicas' router rows parted by noise 0.1, weight_noise 0.01, ") == 0);
  for (const moe::MoeFeedForward* slot : outcome.model.sparse) {
    const at::Tensor twins = slot->router.gate.value.unflatten(0, {-1, 2});
    CHECK((twins.select(1, 0) - twins.select(1, 1)).abs().amax(1).min().item<double>() > 0.0);  // no two rows are equal any more
  }
}

TEST_CASE("flattening a model that has diverged says so") {
  const moe::MoeConfig before = shape(8, 2, 2);
  TrainModel twins = tiny_model(tiny_decoder(), before, at::kDouble);
  twins.decoder->embedding.value.fill_(std::numeric_limits<double>::quiet_NaN());
  twins.decoder->refresh_compute();
  try {
    receipts_of(twins, recipe_of(StageType::kFlatten, ConversionMethod::kNone, before, shape(8, 2, 1)));
    FAIL("a model without a finite loss was flattened");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kDiverged);
    CHECK(std::string(error.what()).find("stage 'converted': flatten at step 7: ") == 0);
  }
}
