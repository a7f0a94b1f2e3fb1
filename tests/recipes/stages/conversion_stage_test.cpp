// Conversions as stages do them: their receipts, and a model that has diverged.
#include "recipes/stages/conversion_stage.hpp"

#include "core/base/error.hpp"
#include "recipes/stages/convert_model.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"
#include "tests/support/parameter_of.hpp"
#include "tests/support/tensor_memory.hpp"
#include "tests/support/tiny_model.hpp"

#include <limits>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

EvaluationSet held() { return tiny_evaluation(3, 8, tiny_decoder().vocab_size, 9); }

EvaluationSet sequences(std::int64_t count = 32) { return tiny_evaluation(count, 8, tiny_decoder().vocab_size, 31); }

moe::MoeConfig shape(std::int64_t num_experts, std::int64_t top_k, std::int64_t family_size) {
  moe::MoeConfig moe = tiny_moe();
  moe.expert_hidden_size = tiny_decoder().intermediate_size;
  moe.num_experts = num_experts;
  moe.top_k = top_k;
  moe.family_size = family_size;
  return moe;
}

// A recipe whose first stage starts from `before` (absent: dense) and makes `after`.
Recipe recipe_of(StageType type, moe::ConversionKind conversion, const std::optional<moe::MoeConfig>& before, const moe::MoeConfig& after) {
  Recipe recipe;
  recipe.model = tiny_decoder();
  recipe.initial_moe = before;
  Stage stage;
  stage.name = "converted";
  stage.type = type;
  stage.conversion = conversion;
  stage.moe = after;
  recipe.stages = {stage};
  return recipe;
}

std::vector<Receipt> receipts_of(TrainModel& old, const Recipe& recipe) {
  return run_conversion(alone(), old, recipe, 0, alone_layout(), {held(), sequences()}, 7).receipts;
}

}  // namespace

TEST_CASE("an exact conversion has one receipt, and what comes on top of it another that promises nothing") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  Recipe recipe = recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, shape(4, 2, 1));
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
  const Recipe twice = recipe_of(StageType::kGrow, moe::ConversionKind::kGrowDoubleTopK, before, shape(8, 4, 1));
  const std::vector<Receipt> doubled = receipts_of(sparse, twice);
  REQUIRE(doubled.size() == 2);
  CHECK(doubled[0].exact);
  CHECK(within_limits(doubled[0], DType::kFloat64));
  CHECK(!doubled[1].exact);
  CHECK(doubled[1].note == "after twins' router rows parted");

  Recipe copy = recipe_of(StageType::kGrow, moe::ConversionKind::kGrowCopy, before, shape(8, 2, 1));
  copy.stages[0].weight_noise = 0.01;
  const ConversionOutcome outcome = run_conversion(alone(), sparse, copy, 0, alone_layout(), {held(), sequences()}, 7);
  REQUIRE(outcome.receipts.size() == 2);
  CHECK(!outcome.receipts[0].exact);
  CHECK(!outcome.receipts[1].exact);
  CHECK(outcome.receipts[1].note.find("after replicas' router rows parted by noise 0.1, weight_noise 0.01, ") == 0);
  for (const moe::MoeFeedForward* slot : outcome.model.sparse) {
    const at::Tensor twins = slot->router.gate.value.unflatten(0, {-1, 2});
    CHECK((twins.select(1, 0) - twins.select(1, 1)).abs().amax(1).min().item<double>() > 0.0);  // no two rows are equal any more
  }
}

TEST_CASE("balanced conversions are as exact as normal ones, and share out other text evenly at once") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  const auto worst = [](const Receipt& receipt) {
    double most = 0.0;
    for (const ReceiptLoad& load : receipt.loads) most = std::max(most, load.max_over_mean);
    return most;
  };
  const auto starved = [](const Receipt& receipt) {
    std::int64_t count = 0;
    for (const ReceiptLoad& load : receipt.loads) count += load.starved;
    return count;
  };
  const auto balanced = [](moe::MoeConfig config) {
    config.router_init = moe::RouterInit::kBalanced;
    return config;
  };
  const EvaluationSet text = sequences(256);  // 2 x 1024 tokens, enough to share out among 32 experts
  const auto convert = [&](TrainModel& old, const Recipe& recipe) {
    return run_conversion(alone(), old, recipe, 0, alone_layout(), {held(), text}, 7);
  };

  const moe::MoeConfig eight = balanced(shape(8, 2, 1));
  ConversionOutcome sparse = convert(dense, recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, eight));
  REQUIRE(sparse.receipts.size() == 1);
  REQUIRE(sparse.receipts[0].loads.size() == 2);
  CHECK(within_limits(sparse.receipts[0], DType::kFloat64));
  CHECK(sparse.receipts[0].load_tokens == 1024);
  CHECK(starved(sparse.receipts[0]) == 0);
  CHECK(worst(sparse.receipts[0]) < 1.5);

  // One expert that is not renormalised changes the function: each layer's rows are chosen behind the new layers before it.
  moe::MoeConfig one = balanced(shape(8, 1, 1));
  one.norm_topk_prob = false;
  const ConversionOutcome switched = convert(dense, recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, one));
  CHECK(!switched.receipts[0].exact);
  CHECK(starved(switched.receipts[0]) == 0);
  CHECK(worst(switched.receipts[0]) < 1.6);

  TrainModel half = tiny_model(tiny_decoder(), std::nullopt, at::kBFloat16);
  const ConversionOutcome rounded = convert(half, recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, eight));
  CHECK(within_limits(rounded.receipts[0], DType::kBFloat16));
  CHECK(starved(rounded.receipts[0]) == 0);

  const moe::MoeConfig sixteen = balanced(shape(16, 2, 2));
  ConversionOutcome wide = convert(sparse.model, recipe_of(StageType::kGrow, moe::ConversionKind::kGrowFamily, eight, sixteen));
  CHECK(within_limits(wide.receipts[0], DType::kFloat64));
  CHECK(starved(wide.receipts[0]) == 0);
  CHECK(worst(wide.receipts[0]) < 1.8);

  ConversionOutcome wider =
      convert(wide.model, recipe_of(StageType::kGrow, moe::ConversionKind::kGrowFamily, sixteen, balanced(shape(32, 2, 4))));
  CHECK(within_limits(wider.receipts[0], DType::kFloat64));
  CHECK(starved(wider.receipts[0]) == 0);
  CHECK(worst(wider.receipts[0]) < 2.2);
  // Rows of levels that were there stay.
  CHECK(at::equal(wider.model.sparse[0]->router.family_gate.value.narrow(0, 0, 16), wide.model.sparse[0]->router.family_gate.value));

  moe::MoeConfig thirds = balanced(shape(12, 3, 1));
  thirds.expert_hidden_size = 8;
  ConversionOutcome groups =
      convert(dense, recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyVirtualGroup, std::nullopt, thirds));
  CHECK(within_limits(groups.receipts[0], DType::kFloat64));
  CHECK(starved(groups.receipts[0]) == 0);
  CHECK(worst(groups.receipts[0]) < 1.5);
  const at::Tensor tied = groups.model.sparse[0]->router.gate.value.unflatten(0, {-1, 3});
  for (const int i : {1, 2}) CHECK(at::equal(tied.select(1, 0), tied.select(1, i)));

  ConversionOutcome doubled =
      convert(sparse.model, recipe_of(StageType::kGrow, moe::ConversionKind::kGrowDoubleTopK, eight, balanced(shape(16, 4, 1))));
  REQUIRE(doubled.receipts.size() == 2);
  CHECK(within_limits(doubled.receipts[0], DType::kFloat64));
  CHECK(doubled.receipts[0].loads.empty());  // it is parted before it trains
  CHECK(doubled.receipts[1].note == "after twins' router rows parted evenly");
  CHECK(starved(doubled.receipts[1]) == 0);
  CHECK(worst(doubled.receipts[1]) < 1.8);

  ConversionOutcome copied =
      convert(sparse.model, recipe_of(StageType::kGrow, moe::ConversionKind::kGrowCopy, eight, balanced(shape(24, 2, 1))));
  CHECK(starved(copied.receipts[1]) == 0);
  CHECK(worst(copied.receipts[1]) < 1.8);

  // Of parents with uneven loads too.
  for (moe::MoeFeedForward* slot : sparse.model.sparse) slot->router.gate.value[0].mul_(2);
  sparse.model.decoder->refresh_compute();
  doubled = convert(sparse.model, recipe_of(StageType::kGrow, moe::ConversionKind::kGrowDoubleTopK, eight, balanced(shape(16, 4, 1))));
  copied = convert(sparse.model, recipe_of(StageType::kGrow, moe::ConversionKind::kGrowCopy, eight, balanced(shape(24, 2, 1))));
  for (const ConversionOutcome* outcome : {&doubled, &copied}) {
    CHECK(starved(outcome->receipts[1]) == 0);
    CHECK(worst(outcome->receipts[1]) < 1.5);
  }

  ConversionOutcome flat =
      convert(wide.model, recipe_of(StageType::kFlatten, moe::ConversionKind::kFlatten, sixteen, balanced(shape(16, 2, 1))));
  CHECK(flat.receipts[0].choice.find("children's router rows at scale ") == 0);
  moe::MoeConfig plain = shape(16, 2, 1);
  const ConversionOutcome unshifted = convert(wide.model, recipe_of(StageType::kFlatten, moe::ConversionKind::kFlatten, sixteen, plain));
  CHECK(flat.receipts[0].loss_after <= unshifted.receipts[0].loss_after);

  // What normal rows do with the same text, for comparison.
  const ConversionOutcome normal =
      convert(dense, recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, shape(8, 2, 1)));
  CHECK(worst(normal.receipts[0]) > worst(sparse.receipts[0]));

  // Where experts are drawn anew in part, what later layers get is not what rows of the exact conversion would be chosen on. Feed-forwards
  // as strong as training makes them, so that it shows.
  for (const LeafView& view : leaves_of(dense))
    if (view.leaf.name.find("down_proj") != std::string::npos) view.value.mul_(20.0);
  dense.decoder->refresh_compute();
  const auto drawn_anew = [](Recipe recipe) {
    recipe.stages[0].reinit_fraction = 0.5;
    return recipe;
  };
  for (const Recipe& recipe : {recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, eight),
                               recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyVirtualGroup, std::nullopt, thirds)}) {
    const ConversionOutcome parted = convert(dense, drawn_anew(recipe));
    REQUIRE(parted.receipts.size() == 2);
    CHECK(within_limits(parted.receipts[0], DType::kFloat64));
    CHECK(starved(parted.receipts[1]) == 0);
    CHECK(worst(parted.receipts[1]) < 1.3);
  }
  ConversionOutcome strong = convert(dense, recipe_of(StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, std::nullopt, eight));
  for (const Recipe& recipe : {recipe_of(StageType::kGrow, moe::ConversionKind::kGrowDoubleTopK, eight, balanced(shape(16, 4, 1))),
                               recipe_of(StageType::kGrow, moe::ConversionKind::kGrowCopy, eight, balanced(shape(24, 2, 1))),
                               recipe_of(StageType::kGrow, moe::ConversionKind::kGrowFamily, eight, sixteen)}) {
    const ConversionOutcome parted = convert(strong.model, drawn_anew(recipe));
    CHECK(starved(parted.receipts.back()) == 0);
    CHECK(worst(parted.receipts.back()) < 1.4);
  }
}

TEST_CASE("growth says when the text does not part families") {
  const moe::MoeConfig before = shape(8, 2, 1);
  TrainModel sparse = tiny_model(tiny_decoder(), before, at::kDouble);
  // All tokens go to the first two.
  for (moe::MoeFeedForward* slot : sparse.sparse) slot->router.gate.value.zero_();
  sparse.decoder->refresh_compute();
  const Recipe recipe = recipe_of(StageType::kGrow, moe::ConversionKind::kGrowFamily, before, shape(16, 2, 2));
  const std::string said = captured(STDERR_FILENO, [&] { receipts_of(sparse, recipe); });
  CHECK(said.find("stage 'converted': 12 of all layers' 16 family nodes (in layers: 0, 1) are reached by fewer than 3 of 128 tokens") !=
        std::string::npos);
}

TEST_CASE("flatten gives what the best of six conversions gives, bit for bit") {
  const moe::MoeConfig before = shape(8, 2, 2), after = shape(8, 2, 1);
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    TrainModel families = tiny_model(tiny_decoder(), before, type);
    const Recipe recipe = recipe_of(StageType::kFlatten, moe::ConversionKind::kFlatten, before, after);
    TrainModel best;
    double best_loss = std::numeric_limits<double>::infinity();
    for (const double scale : {1.0, 2.0, 4.0, 8.0, 16.0, 32.0}) {
      const moe::Conversion flat{moe::ConversionKind::kFlatten, families.config, before, after, scale};
      TrainModel candidate = convert_model(families, flat, alone_layout(), parallel::ExchangeKind::kAuto, recipe.seed, true);
      const double loss = run_held_batch(candidate, held(), 7).loss;
      if (loss >= best_loss) continue;
      best_loss = loss;
      best = std::move(candidate);
    }
    ConversionOutcome outcome = run_conversion(alone(), families, recipe, 0, alone_layout(), {held(), sequences()}, 7);
    CHECK(outcome.receipts[0].loss_after == best_loss);
    const LeafStore expected = leaves_of(best), made = leaves_of(outcome.model);
    REQUIRE(made.size() == expected.size());
    for (std::size_t i = 0; i < made.size(); ++i) {
      CHECK(at::equal(made[i].value, expected[i].value));
      CHECK(at::equal(made[i].exp_avg, expected[i].exp_avg));
      const Leaf& leaf = made[i].leaf;
      CHECK(at::equal(parameter_of(outcome.model.parameters, leaf).compute, parameter_of(best.parameters, leaf).compute));
    }
  }
}

TEST_CASE("a conversion holds one model beside the one it starts from") {
  DecoderConfig decoder = tiny_decoder();
  decoder.hidden_size = 128;
  decoder.vocab_size = 1024;
  const EvaluationSet set = tiny_evaluation(3, 8, decoder.vocab_size, 9);
  struct Case {
    StageType type;
    moe::ConversionKind conversion;
    moe::MoeConfig before, after;
  };
  const auto wide = [](std::int64_t num_experts, std::int64_t family_size) {
    moe::MoeConfig config = shape(num_experts, 2, family_size);
    config.expert_hidden_size = 64;
    return config;
  };
  for (const Case& c : {Case{StageType::kFlatten, moe::ConversionKind::kFlatten, wide(16, 2), wide(16, 1)},
                        Case{StageType::kGrow, moe::ConversionKind::kGrowFamily, wide(8, 1), wide(16, 2)}}) {
    Recipe recipe = recipe_of(c.type, c.conversion, c.before, c.after);
    recipe.model = decoder;
    recipe.stages[0].optimizer_state = OptimizerState::kReset;  // the moments are made anew, in the place of the first ones
    TrainModel old = tiny_model(decoder, c.before, at::kFloat);
    TrainModel one;
    const std::int64_t model = peak_bytes_of([&] { one = build_model(decoder, c.after, alone_layout(), at::kFloat); });
    CHECK(model > 8'000'000);
    one = {};
    // What the held batch takes is the run's own: it is evaluated anyway.
    const std::int64_t pass = peak_bytes_of([&] { run_held_batch(old, set, 7); });
    CHECK(pass < model / 8);
    const std::int64_t peak = peak_bytes_of([&] { run_conversion(alone(), old, recipe, 0, alone_layout(), {set, set}, 7); });
    INFO("one model " << model << ", the held batch " << pass << ", the conversion " << peak);
    CHECK(peak <= model + pass + 256 * 1024);
  }
}

TEST_CASE("the logits of two models are compared in blocks, as if they were whole") {
  DecoderConfig decoder = tiny_decoder();
  decoder.vocab_size = 40'000;  // 64 rows of logits are a block
  const EvaluationSet set = tiny_evaluation(20, 8, decoder.vocab_size, 9);
  TrainModel a = tiny_model(decoder, std::nullopt, at::kFloat, 1), b = tiny_model(decoder, std::nullopt, at::kFloat, 2);
  const HeldOutput of_a = run_held_batch(a, set, 0), of_b = run_held_batch(b, set, 0);
  const std::int64_t whole = 160 * decoder.vocab_size * 4;
  double most = 0.0;
  const std::int64_t peak = peak_bytes_of([&] { most = max_logit_difference(a, of_a, b, of_b); });
  CHECK(peak < whole);
  const at::Tensor difference = at::mm(of_a.hidden, a.decoder->head().value.t()) - at::mm(of_b.hidden, b.decoder->head().value.t());
  CHECK(std::abs(most - difference.abs().max().item<double>()) < 1e-4 * most);
}

TEST_CASE("flattening a model that has diverged says so") {
  const moe::MoeConfig before = shape(8, 2, 2);
  TrainModel twins = tiny_model(tiny_decoder(), before, at::kDouble);
  twins.decoder->embedding.value.fill_(std::numeric_limits<double>::quiet_NaN());
  twins.decoder->refresh_compute();
  try {
    receipts_of(twins, recipe_of(StageType::kFlatten, moe::ConversionKind::kFlatten, before, shape(8, 2, 1)));
    FAIL("a model without a finite loss was flattened");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::kDiverged);
    CHECK(std::string(error.what()).find("stage 'converted': flatten at step 7: ") == 0);
  }
}
