// What a conversion decides, and writes down, is the same on every rank, whatever each of them makes of the held batch.
#include "recipes/stages/conversion_stage.hpp"

#include "parallel/comm/loopback_communicator.hpp"
#include "tests/support/rank_check.hpp"
#include "tests/support/tiny_model.hpp"

#include <map>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using sluice::testing::world;

namespace {

// A held batch of each rank's own stands for roundings of its own.
EvaluationSet held(int rank) {
  return testing::tiny_evaluation(3, 8, testing::tiny_decoder().vocab_size, 40 + static_cast<std::uint64_t>(rank));
}

EvaluationSet sequences() { return testing::tiny_evaluation(32, 8, testing::tiny_decoder().vocab_size, 31); }

Stage stage(const char* name, StageType type, moe::ConversionKind conversion, const moe::MoeConfig& after) {
  Stage s;
  s.name = name;
  s.type = type;
  s.conversion = conversion;
  s.moe = after;
  return s;
}

// Collective the first time: groups are made once.
const Layout& layout_of(int expert) {
  static std::map<int, Layout> layouts;
  const auto found = layouts.find(expert);
  return found != layouts.end() ? found->second : layouts.emplace(expert, make_layout(world(), expert)).first->second;
}

// One rank that has everything, on each rank.
Layout single_layout() {
  Layout layout;
  layout.mesh = std::make_shared<const parallel::Mesh>(1, 1, std::vector<int>{0});
  layout.world = layout.save = layout.reduction = parallel::make_loopback_communicator("alone");
  layout.expert_group = layout.replicas = layout.world;
  layout.node_of_member = {0};
  return layout;
}

// Collective.
bool same_on_all_ranks(const std::vector<double>& values, const parallel::CommunicatorPtr& group) {
  std::vector<double> low = values, high = values;
  group->start_all_reduce(low.data(), low.size(), DType::kFloat64, parallel::ReduceOp::kMin, {"lowest"}).finish();
  group->start_all_reduce(high.data(), high.size(), DType::kFloat64, parallel::ReduceOp::kMax, {"highest"}).finish();
  return low == high;
}

std::vector<double> numbers_of(const at::Tensor& t) { return {t.const_data_ptr<double>(), t.const_data_ptr<double>() + t.numel()}; }

}  // namespace

TEST_CASE("receipts, router rows and the scale of flatten are rank 0's on every rank") {
  const int rank = world().rank(), size = world().size();
  const parallel::CommunicatorPtr group = world().world();
  for (const int expert : size == 1 ? std::vector<int>{1} : std::vector<int>{1, size}) {
    const Layout& layout = layout_of(expert);
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
    recipe.stages = {stage("sparse", StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, sparse),
                     stage("wide", StageType::kGrow, moe::ConversionKind::kGrowFamily, wide),
                     stage("flat", StageType::kFlatten, moe::ConversionKind::kFlatten, flat)};
    TrainModel model = build_model(recipe.model, std::nullopt, layout, at::kDouble);
    initialize(model, 11);
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
      ConversionOutcome outcome = run_conversion(world(), model, recipe, i, layout, {held(rank), sequences()}, 0);
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

TEST_CASE("balanced rows are the same bits on every layout") {
  const int size = world().size();
  const moe::MoeConfig base = [] {
    moe::MoeConfig config = testing::tiny_moe();
    config.expert_hidden_size = testing::tiny_decoder().intermediate_size;
    config.router_init = moe::RouterInit::kBalanced;
    config.num_experts = 8;
    return config;
  }();
  Recipe recipe;
  recipe.model = testing::tiny_decoder();
  moe::MoeConfig wide = base, wider = base, flat = base, copied = base;
  wide.num_experts = flat.num_experts = 16;
  wide.family_size = 2;
  wider.num_experts = 32;
  wider.family_size = 4;
  copied.num_experts = 16;
  recipe.stages = {stage("sparse", StageType::kSparsify, moe::ConversionKind::kSparsifyCopy, base),
                   stage("copied", StageType::kGrow, moe::ConversionKind::kGrowCopy, copied),
                   stage("wide", StageType::kGrow, moe::ConversionKind::kGrowFamily, wide),
                   stage("flat", StageType::kFlatten, moe::ConversionKind::kFlatten, flat),
                   stage("wider", StageType::kGrow, moe::ConversionKind::kGrowFamily, wider)};
  recipe.stages[2].from = recipe.stages[0].name;
  recipe.stages[4].from = recipe.stages[2].name;
  // The router rows of every conversion, each from the model before it of the same layout.
  const auto rows_on = [&](const Layout& layout) {
    std::vector<TrainModel> models;
    models.push_back(build_model(recipe.model, std::nullopt, layout, at::kDouble));
    initialize(models[0], 11);
    constexpr std::size_t kFrom[] = {0, 1, 1, 3, 3};
    std::vector<double> rows;
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
      ConversionOutcome outcome = run_conversion(world(), models[kFrom[i]], recipe, i, layout, {held(0), sequences()}, 0);
      for (const moe::MoeFeedForward* slot : outcome.model.sparse) {
        for (const Parameter* p : {&slot->router.gate, &slot->router.family_gate}) {
          if (!p->value.defined()) continue;
          const std::vector<double> some = numbers_of(p->value);
          rows.insert(rows.end(), some.begin(), some.end());
        }
      }
      models.push_back(std::move(outcome.model));
    }
    return rows;
  };
  for (const double drawn_anew : {0.0, 0.5}) {
    recipe.stages[0].reinit_fraction = recipe.stages[2].reinit_fraction = drawn_anew;
    const std::vector<double> expected = rows_on(single_layout());
    for (const int expert : size == 1 ? std::vector<int>{1} : std::vector<int>{1, 2}) {
      const bool same = rows_on(layout_of(expert)) == expected;
      REQUIRE_ALL_RANKS(same);
    }
  }
}
