// What a conversion decides, and writes down, is the same on every rank, whatever each of them makes of the held batch.
#include "recipes/stages/conversion_stage.hpp"

#include "tests/support/rank_check.hpp"
#include "tests/support/tiny_model.hpp"

#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using sluice::testing::world;

namespace {

// A held batch of each rank's own stands for roundings of its own.
EvaluationSet held(int rank) {
  const LocalBatch batch = testing::tiny_batch(3, 8, testing::tiny_decoder().vocab_size, 40 + static_cast<std::uint64_t>(rank));
  EvaluationSet set;
  set.tokens = batch.tokens;
  set.length = batch.length;
  return set;
}

Stage stage(const char* name, StageType type, ConversionMethod method, const moe::MoeConfig& after) {
  Stage s;
  s.name = name;
  s.type = type;
  s.method = method;
  s.moe = after;
  return s;
}

// Collective.
bool same_on_all_ranks(const std::vector<double>& values, const parallel::CommunicatorPtr& group) {
  std::vector<double> low = values, high = values;
  group->start_all_reduce(low.data(), low.size(), DType::kFloat64, parallel::ReduceOp::kMin, {"lowest"}).finish();
  group->start_all_reduce(high.data(), high.size(), DType::kFloat64, parallel::ReduceOp::kMax, {"highest"}).finish();
  return low == high;
}

std::vector<double> numbers_of(const at::Tensor& t) {
  return {t.const_data_ptr<double>(), t.const_data_ptr<double>() + t.numel()};
}

}  // namespace

TEST_CASE("receipts, router rows and the scale of flatten are rank 0's on every rank") {
  const int rank = world().rank(), size = world().size();
  const parallel::CommunicatorPtr group = world().world();
  for (const int expert : size == 1 ? std::vector<int>{1} : std::vector<int>{1, size}) {
    const Layout layout = make_layout(world(), expert);
    Recipe recipe;
    recipe.model = testing::tiny_decoder();
    moe::MoeConfig sparse = testing::tiny_moe();
    sparse.expert_hidden_size = recipe.model.intermediate_size;
    sparse.num_experts = 8;
    moe::MoeConfig wide = sparse;
    wide.num_experts = 16;
    wide.family_size = 2;
    moe::MoeConfig flat = wide;
    flat.family_size = 1;
    recipe.stages = {stage("sparse", StageType::kSparsify, ConversionMethod::kCopy, sparse),
                     stage("wide", StageType::kGrow, ConversionMethod::kFamily, wide),
                     stage("flat", StageType::kFlatten, ConversionMethod::kNone, flat)};
    TrainModel model = build_model(recipe.model, std::nullopt, layout, at::kDouble, "auto");
    initialize(model, 11);
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
      ConversionOutcome outcome = run_conversion(model, recipe, i, layout, held(rank), 0);
      std::vector<double> seen;
      for (const Receipt& r : outcome.receipts) seen.insert(seen.end(), {r.loss_before, r.loss_after, r.max_abs_logit_difference});
      for (const moe::MoeFeedForward* slot : outcome.model.sparse) {
        for (const Parameter* p : {&slot->router.gate, &slot->router.family_gate}) {
          if (!p->value.defined()) continue;
          const std::vector<double> rows = numbers_of(p->value);
          seen.insert(seen.end(), rows.begin(), rows.end());
        }
      }
      const bool same = same_on_all_ranks(seen, group);
      REQUIRE_ALL_RANKS(same);
      model = std::move(outcome.model);
    }
  }
}
