// Conversions leave the function as it is: logits of converted models in float64 and float32, every exact method.
#include "recipes/stages/convert_model.hpp"

#include "recipes/stages/evaluation.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;
using moe::ConversionKind;

namespace {

EvaluationSet held() {
  EvaluationSet set;
  const LocalBatch batch = tiny_batch(3, 8, tiny_decoder().vocab_size, 9);
  set.tokens = batch.tokens;
  set.length = batch.length;
  return set;
}

double jump(TrainModel& before, TrainModel& after) {
  return max_abs_difference(run_held_batch(before, held(), 0).logits, run_held_batch(after, held(), 0).logits);
}

moe::MoeConfig copy_shape() {
  moe::MoeConfig config = tiny_moe();
  config.expert_hidden_size = tiny_decoder().intermediate_size;
  return config;
}

void train_a_little(TrainModel& model, int steps) {
  for (int i = 0; i < steps; ++i) {
    StepOptions options;
    options.step = i + 1;
    options.learning_rate = 1e-2;
    train_step(model, alone_layout(), tiny_batch(4, 8, model.config.vocab_size, static_cast<std::uint64_t>(100 + i)), options);
  }
}

TrainModel convert(TrainModel& old, ConversionKind kind, const moe::MoeConfig& after) {
  return convert_model(old, {kind, old.config, old.moe, after, 1.0}, alone_layout(), "auto", 21, true);
}

}  // namespace

TEST_CASE("sparsify by copy, with shared experts and scaling") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  moe::MoeConfig moe = copy_shape();
  SECTION("plain") {}
  SECTION("one layer only") { moe.layers = {1}; }
  SECTION("sigmoid with scaling") {
    moe.score_func = moe::ScoreFunction::kSigmoid;
    moe.routed_scaling_factor = 2.5;
  }
  SECTION("shared expert takes the first half") {
    moe.num_shared_experts = 1;
    moe.expert_hidden_size = 12;
  }
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, moe);
  CHECK(jump(dense, sparse) <= 1e-12);
}

TEST_CASE("sparsify by virtual groups picks each shard once") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  moe::MoeConfig moe = copy_shape();
  moe.num_experts = 12;
  moe.expert_hidden_size = 8;  // 3 shards
  for (const std::int64_t top_k : {3, 6}) {
    moe.top_k = top_k;
    TrainModel sparse = convert(dense, ConversionKind::kSparsifyVirtualGroup, moe);
    CHECK(jump(dense, sparse) <= 1e-12);
  }
  moe.top_k = 4;  // not a multiple of the shards: another function
  TrainModel broken = convert(dense, ConversionKind::kSparsifyVirtualGroup, moe);
  CHECK(jump(dense, broken) > 1e-3);
}

TEST_CASE("growth by families is exact twice over, after training in between") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, copy_shape());
  train_a_little(sparse, 3);
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 8;
  wide.family_size = 2;
  TrainModel twins = convert(sparse, ConversionKind::kGrowFamily, wide);
  CHECK(jump(sparse, twins) <= 1e-12);
  train_a_little(twins, 3);
  wide.num_experts = 16;
  wide.family_size = 4;
  TrainModel fours = convert(twins, ConversionKind::kGrowFamily, wide);
  CHECK(jump(twins, fours) <= 1e-12);
  // Children part as they learn.
  train_a_little(fours, 6);
  const auto& down = fours.sparse[0]->experts.down.value;
  CHECK((down[0] - down[1]).abs().max().item<double>() > 1e-6);
}

TEST_CASE("growth by doubling top_k is exact, and parted twins specialise") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, copy_shape());
  train_a_little(sparse, 3);
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 8;
  wide.top_k = 4;
  TrainModel grown = convert(sparse, ConversionKind::kGrowDoubleTopK, wide);
  CHECK(jump(sparse, grown) <= 1e-12);

  // Share of (token, choice) pairs whose twin is chosen too once top_k is back at 2.
  const auto twins_together = [](TrainModel& model) {
    moe::MoeConfig two = *model.moe;
    two.top_k = 2;
    model.set_moe(two);
    const LocalBatch batch = tiny_batch(8, 8, model.config.vocab_size, 77);
    const ModelInput input = make_input(batch, 0, 8);
    at::NoGradGuard no_grad;
    ForwardOutput out = model.decoder->forward(input.ids, input.rows, {0, "eval", false});
    (void)out;
    const at::Tensor x = at::rms_norm(model.decoder->embedding.value.index_select(0, input.ids), {model.config.hidden_size});
    const auto plan = model.sparse[0]->router.route(x, input.rows).plan;
    std::int64_t together = 0;
    for (std::int64_t n = 0; n < plan.tokens; ++n) together += plan.experts[static_cast<std::size_t>(2 * n)] / 2 == plan.experts[static_cast<std::size_t>(2 * n + 1)] / 2 ? 1 : 0;
    return static_cast<double>(together) / static_cast<double>(plan.tokens);
  };
  TrainModel untouched = convert(sparse, ConversionKind::kGrowDoubleTopK, wide);
  CHECK(twins_together(untouched) == 1.0);  // the trap: equal rows, so top-2 is always one pair of twins
  part_twins(grown, 1.0, 5);
  train_a_little(grown, 6);
  CHECK(twins_together(grown) < 0.6);
  const auto& down = grown.sparse[0]->experts.down.value;
  CHECK((down[0] - down[1]).abs().max().item<double>() > 1e-6);
}

TEST_CASE("kept Adam moments follow the weights; drawn rows start at zero") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train_a_little(dense, 2);
  moe::MoeConfig moe = copy_shape();
  moe.num_experts = 6;
  moe.expert_hidden_size = 12;  // 2 shards: down_proj is scaled by 2
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyVirtualGroup, moe);
  at::Tensor dense_m, dense_v, dense_down, m, v, down, router_m;
  for (LeafView& view : leaves_of(dense))
    if (view.leaf.name == "model.layers.0.mlp.down_proj.weight") dense_m = view.exp_avg, dense_v = view.exp_avg_sq, dense_down = view.value;
  for (LeafView& view : leaves_of(sparse)) {
    if (view.leaf.name == "model.layers.0.mlp.experts.3.down_proj.weight") m = view.exp_avg, v = view.exp_avg_sq, down = view.value;
    if (view.leaf.name == "model.layers.0.mlp.gate.weight") router_m = view.exp_avg;
  }
  const auto shard = [](const at::Tensor& t) { return t.narrow(1, 12, 12); };  // expert 3 is shard 1
  CHECK(at::allclose(down, 2.0 * shard(dense_down), 0, 0));
  CHECK(at::allclose(m, 0.5 * shard(dense_m), 0, 0));
  CHECK(at::allclose(v, 0.25 * shard(dense_v), 0, 0));
  CHECK(router_m.abs().max().item<double>() == 0.0);
  CHECK(sparse.optimizer.steps() == dense.optimizer.steps());
}

TEST_CASE("flatten gives every child a row of its own") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kFloat);
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, copy_shape());
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 8;
  wide.family_size = 2;
  TrainModel twins = convert(sparse, ConversionKind::kGrowFamily, wide);
  moe::MoeConfig flat = wide;
  flat.family_size = 1;
  TrainModel plain = convert(twins, ConversionKind::kFlatten, flat);
  const at::Tensor rows = plain.sparse[0]->router.gate.value;
  REQUIRE(rows.size(0) == 8);
  const at::Tensor expected = twins.sparse[0]->router.gate.value.repeat_interleave(2, 0) + twins.sparse[0]->router.family_gate.value;
  CHECK(at::allclose(rows, expected));
}
