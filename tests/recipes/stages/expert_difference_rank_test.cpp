// What is told of experts and routers does not depend on who owns the experts.
#include "recipes/stages/expert_difference.hpp"

#include "recipes/stages/convert_model.hpp"
#include "recipes/stages/router_movement.hpp"
#include "tests/support/rank_check.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using sluice::testing::world;

namespace {

struct Told {
  std::vector<double> cosines;
  at::Tensor choices;
};

// Sixteen experts, shards of a dense feed-forward that are no longer equal, on ranks that share them as the layout says.
Told told_with(const Layout& layout) {
  TrainModel dense = build_model(testing::tiny_decoder(), std::nullopt, layout, at::kDouble);
  initialize(dense, 11);
  moe::MoeConfig moe = testing::tiny_moe();
  moe.num_experts = 16;
  moe.expert_hidden_size = 12;
  const moe::Conversion shape{moe::ConversionKind::kSparsifyVirtualGroup, dense.config, std::nullopt, moe, 1.0};
  TrainModel sparse = convert_model(dense, shape, layout, parallel::ExchangeKind::kAuto, 21, true);
  perturb_experts(sparse, 0.5, 0.0, 1, 3);
  const ExpertDifference difference = expert_difference(sparse, layout, 0);
  Told told{difference.cosine, {}};
  told.cosines.insert(told.cosines.end(), difference.dense_cosine.begin(), difference.dense_cosine.end());
  EvaluationSet held;
  held.tokens = testing::tiny_batch(3, 8, dense.config.vocab_size).tokens;
  held.length = 8;
  told.choices = held_choices(sparse, layout, held, 1, 0);
  return told;
}

}  // namespace

TEST_CASE("cosines and choices are those of one owner of all experts, on every rank") {
  const Layout one_owner = make_layout(world(), 1);
  const Told alone = told_with(one_owner);
  const Told shared = told_with(world().size() == 1 ? one_owner : make_layout(world(), world().size()));
  REQUIRE_ALL_RANKS(alone.cosines.size() == 4 && shared.cosines.size() == 4);
  for (std::size_t i = 0; i < 4; ++i) REQUIRE_ALL_RANKS(std::abs(alone.cosines[i] - shared.cosines[i]) <= 1e-13 && alone.cosines[i] < 0.95);
  REQUIRE_ALL_RANKS(alone.choices.sizes().vec() == std::vector<std::int64_t>{3 * 8, 2, 2});
  REQUIRE_ALL_RANKS(at::equal(alone.choices, shared.choices));
}
