// Conversions leave the function as it is: logits of converted models in float64 and float32, every exact method.
#include "recipes/stages/convert_model.hpp"

#include "core/base/error.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/stage_plan.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/parameter_of.hpp"
#include "tests/support/tiny_model.hpp"

#include <map>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;
using moe::ConversionKind;

namespace {

EvaluationSet held() { return tiny_evaluation(3, 8, tiny_decoder().vocab_size, 9); }

double jump(TrainModel& before, TrainModel& after) {
  return max_logit_difference(before, run_held_batch(before, held(), 0), after, run_held_batch(after, held(), 0));
}

moe::MoeConfig copy_shape() {
  moe::MoeConfig config = tiny_moe();
  config.expert_hidden_size = tiny_decoder().intermediate_size;
  return config;
}

StepResult train_one(TrainModel& model, std::int64_t index) {
  StepOptions options;
  options.step = index + 1;
  options.learning_rate = 1e-2;
  return step_of(model, tiny_batch(4, 8, model.config.vocab_size, static_cast<std::uint64_t>(100 + index)), options);
}

void train_a_little(TrainModel& model, int steps) {
  for (int i = 0; i < steps; ++i) train_one(model, i);
}

TrainModel convert(TrainModel& old, ConversionKind kind, const moe::MoeConfig& after) {
  return convert_model(old, {kind, old.config, old.moe, after, 1.0}, alone_layout(), parallel::ExchangeKind::kAuto, 21, true);
}

// Four experts, trained a little.
TrainModel trained_sparse() {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, copy_shape());
  train_a_little(sparse, 3);
  return sparse;
}

// Share of tokens whose two experts are twins once top_k is 2, in the first layer.
double twins_together(TrainModel& model) {
  moe::MoeConfig two = *model.moe;
  two.top_k = 2;
  model.set_moe(two);
  const ModelInput input = make_input(tiny_batch(8, 8, model.config.vocab_size, 77), 0, 8, at::kCPU);
  at::NoGradGuard no_grad;
  const at::Tensor x = at::rms_norm(model.decoder->embedding.value.index_select(0, input.batch.ids), {model.config.hidden_size});
  const at::Tensor twins = model.sparse[0]->router.route(x, input.batch.rows).experts.div(2, "floor");
  return (twins.select(1, 0) == twins.select(1, 1)).to(at::kDouble).mean().item<double>();
}

// How far the first layer's twins (experts 2i and 2i+1) are apart, at most.
double most_apart(TrainModel& model) {
  const at::Tensor pairs = model.sparse[0]->experts.down.value.unflatten(0, {-1, 2});
  return (pairs.select(1, 0) - pairs.select(1, 1)).abs().max().item<double>();
}

struct LeafCopy {
  at::Tensor value, exp_avg, exp_avg_sq;
};
std::map<std::string, LeafCopy> copies_of(TrainModel& model) {
  std::map<std::string, LeafCopy> copies;
  for (const LeafView& view : leaves_of(model))
    copies[view.leaf.name] = {view.value.clone(), view.exp_avg.clone(), view.exp_avg_sq.clone()};
  return copies;
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
  TrainModel sparse = trained_sparse();
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 8;
  wide.top_k = 4;
  TrainModel grown = convert(sparse, ConversionKind::kGrowDoubleTopK, wide);
  CHECK(jump(sparse, grown) <= 1e-12);
  TrainModel untouched = convert(sparse, ConversionKind::kGrowDoubleTopK, wide);
  CHECK(twins_together(untouched) == 1.0);  // the trap: equal rows, so top-2 is always one pair of twins
  part_twins(grown, 1.0, 5);
  train_a_little(grown, 6);
  CHECK(twins_together(grown) < 0.6);
  CHECK(most_apart(grown) > 1e-6);
}

TEST_CASE("growth keeps the choice of a router with a selection bias, whose scores it shares out") {
  for (const moe::ScoreFunction score : {moe::ScoreFunction::kSoftmax, moe::ScoreFunction::kSigmoid}) {
    TrainModel sparse = trained_sparse();
    moe::MoeConfig biased = *sparse.moe;
    biased.score_func = score;
    biased.bias_update_rate = 0.01;
    sparse.set_moe(biased);
    for (moe::MoeFeedForward* slot : sparse.sparse) slot->router.correction_bias.copy_(at::tensor({0.3, -0.2, 0.1, -0.15}, at::kDouble));
    moe::MoeConfig wide = biased;
    wide.num_experts = 8;
    wide.top_k = 4;
    TrainModel grown = convert(sparse, ConversionKind::kGrowDoubleTopK, wide);
    CHECK(jump(sparse, grown) <= 1e-12);
  }
}

TEST_CASE("top_k does not collapse onto twins while it anneals step by step") {
  TrainModel sparse = trained_sparse();
  Recipe recipe;
  Stage twice;
  twice.type = StageType::kGrow;
  twice.conversion = moe::ConversionKind::kGrowDoubleTopK;
  twice.max_steps = twice.top_k_anneal_steps = 12;
  twice.moe = copy_shape();
  twice.moe->num_experts = 8;
  twice.moe->top_k = 4;
  recipe.stages = {twice};
  TrainModel grown = convert(sparse, ConversionKind::kGrowDoubleTopK, *twice.moe);
  part_twins(grown, 1.0, 5);
  for (std::int64_t step = 0; step < twice.max_steps; ++step) {
    moe::MoeConfig settings = *twice.moe;
    settings.top_k = top_k(recipe, 0, step);
    grown.set_moe(settings);
    train_one(grown, step);
  }
  CHECK(grown.moe->top_k == 2);  // what the stage after it is told to start from
  CHECK(twins_together(grown) < 0.6);
  CHECK(most_apart(grown) > 1e-4);
}

TEST_CASE("replicas of growth by copy all get tokens once their router rows are parted") {
  TrainModel sparse = trained_sparse();
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 12;  // three of each
  // Of the pairs of a first step's first layer, those that go to the last of every three.
  const auto share_of_last = [](TrainModel& model) {
    const std::vector<std::int64_t> counts = train_one(model, 0).counts.experts[0];
    std::int64_t last = 0, all = 0;
    for (std::size_t e = 0; e < counts.size(); ++e) {
      all += counts[e];
      if (e % 3 == 2) last += counts[e];
    }
    return static_cast<double>(last) / static_cast<double>(all);
  };
  TrainModel untouched = convert(sparse, ConversionKind::kGrowCopy, wide);
  CHECK(share_of_last(untouched) == 0.0);  // equal scores go to the lower expert
  TrainModel grown = convert(sparse, ConversionKind::kGrowCopy, wide);
  const at::Tensor before = grown.sparse[0]->router.gate.value.clone().view({4, 3, -1});
  part_replicas(grown, 3, 0.1, 5);
  const at::Tensor noise = grown.sparse[0]->router.gate.value.view({4, 3, -1}) - before;
  CHECK(noise.select(1, 0).abs().max().item<double>() == 0.0);  // the first keeps its parent's row
  const at::Tensor size = noise.square().mean(2).sqrt() / before.square().mean(2).sqrt();
  CHECK(size.narrow(1, 1, 2).mean().item<double>() == Approx(0.1).epsilon(0.3));
  CHECK(share_of_last(grown) > 0.1);
}

TEST_CASE("twins of growth by copy learn apart once their router rows are parted") {
  TrainModel sparse = trained_sparse();
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 8;
  TrainModel untouched = convert(sparse, ConversionKind::kGrowCopy, wide);
  train_a_little(untouched, 6);
  CHECK(most_apart(untouched) < 1e-7);  // the trap: the same tokens with the same weights, for ever
  TrainModel grown = convert(sparse, ConversionKind::kGrowCopy, wide);
  part_replicas(grown, 2, 0.1, 5);
  train_a_little(grown, 6);
  CHECK(most_apart(grown) > 1e-5);
}

TEST_CASE("noise on experts is relative to the leaf, and spares the first of each family") {
  for (const std::int64_t copies : {1, 2}) {
    TrainModel sparse = trained_sparse();
    auto before = copies_of(sparse);
    perturb_experts(sparse, 0.1, 0.0, copies, 5);
    for (const LeafView& view : leaves_of(sparse)) {
      INFO(view.leaf.name << ", copies " << copies);
      const LeafCopy& was = before.at(view.leaf.name);
      const at::Tensor change = view.value - was.value;
      const std::size_t expert = view.leaf.name.find(".experts.");
      const bool spared = expert == std::string::npos || (copies == 2 && std::stoll(view.leaf.name.substr(expert + 9)) % 2 == 0);
      if (spared) CHECK(change.abs().max().item<double>() == 0.0);
      else CHECK((change.std() / was.value.std()).item<double>() == Approx(0.1).epsilon(0.25));
      CHECK(at::equal(view.exp_avg, was.exp_avg));
    }
  }
}

TEST_CASE("columns drawn anew are the same in gate, up and down, and start without moments") {
  TrainModel sparse = trained_sparse();
  auto before = copies_of(sparse);
  perturb_experts(sparse, 0.0, 0.25, 2, 5);
  auto after = copies_of(sparse);
  const std::string experts = "model.layers.0.mlp.experts.";
  for (const char* projection : {"gate_proj.weight", "up_proj.weight", "down_proj.weight"})
    CHECK(at::equal(after.at(experts + "2." + projection).value, before.at(experts + "2." + projection).value));  // a first copy
  const auto by_column = [](const std::string& name, const at::Tensor& t) { return name.find("down") == std::string::npos ? t : t.t(); };
  at::Tensor drawn;
  for (const char* projection : {"gate_proj.weight", "up_proj.weight", "down_proj.weight"}) {
    const std::string name = experts + "1." + projection;
    INFO(name);
    const LeafCopy &was = before.at(name), &is = after.at(name);
    const at::Tensor changed = by_column(name, is.value != was.value).all(1);  // [F]
    CHECK(at::equal(changed, by_column(name, is.value != was.value).any(1)));  // whole columns
    CHECK(changed.sum().item<std::int64_t>() == tiny_decoder().intermediate_size / 4);
    if (drawn.defined()) CHECK(at::equal(changed, drawn));
    drawn = changed;
    const at::Tensor kept = by_column(name, at::ones_like(was.value)) * changed.logical_not().unsqueeze(1);
    CHECK(at::equal(by_column(name, is.exp_avg), by_column(name, was.exp_avg) * kept));
    CHECK(at::equal(by_column(name, is.exp_avg_sq), by_column(name, was.exp_avg_sq) * kept));
    CHECK(was.exp_avg_sq.abs().max().item<double>() > 0.0);
  }
  CHECK(!at::equal(after.at(experts + "1.gate_proj.weight").value, after.at(experts + "3.gate_proj.weight").value));
}

TEST_CASE("a conversion that would lose tensors is refused by their names") {
  TrainModel sparse = trained_sparse();
  moe::MoeConfig wide = copy_shape();
  wide.num_experts = 8;
  wide.family_size = 2;
  TrainModel twins = convert(sparse, ConversionKind::kGrowFamily, wide);
  moe::MoeConfig half = copy_shape();  // four experts of a model of eight
  std::string message;
  try {
    convert(twins, ConversionKind::kFlatten, half);
  } catch (const Error& error) {
    message = error.what();
    CHECK(error.code() == ExitCode::kData);
  }
  INFO(message);
  CHECK(message.find("24 tensors of the model before would be lost: model.layers.0.mlp.experts.4.down_proj.weight, ") != std::string::npos);
  CHECK(message.find(" and 16 more") != std::string::npos);
}

TEST_CASE("kept Adam moments follow the weights and are shared among copies; drawn rows start at zero") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train_a_little(dense, 2);
  moe::MoeConfig moe = copy_shape();
  moe.num_experts = 6;
  moe.expert_hidden_size = 12;  // 2 shards: down_proj is scaled by 2
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyVirtualGroup, moe);
  at::Tensor dense_m, dense_v, dense_down, m, v, down, router_m;
  for (const LeafView& view : leaves_of(dense))
    if (view.leaf.name == "model.layers.0.mlp.down_proj.weight") dense_m = view.exp_avg, dense_v = view.exp_avg_sq, dense_down = view.value;
  for (const LeafView& view : leaves_of(sparse)) {
    if (view.leaf.name == "model.layers.0.mlp.experts.3.down_proj.weight") m = view.exp_avg, v = view.exp_avg_sq, down = view.value;
    if (view.leaf.name == "model.layers.0.mlp.gate.weight") router_m = view.exp_avg;
  }
  const auto shard = [](const at::Tensor& t) { return t.narrow(1, 12, 12); };  // expert 3 is shard 1
  CHECK(at::allclose(down, 2.0 * shard(dense_down), 0, 0));
  // Three copies of each shard share its gradient: each sees a third of the tokens, and weighs them in full.
  CHECK(at::allclose(m, 0.5 / 3.0 * shard(dense_m), 1e-15, 0));
  CHECK(at::allclose(v, 0.25 / 3.0 * shard(dense_v), 1e-15, 0));
  CHECK(router_m.abs().max().item<double>() == 0.0);
  CHECK(sparse.optimizer.steps() == dense.optimizer.steps());
}

TEST_CASE("what was frozen has no moments to hand on: its copies begin without") {
  const Trainable feed_forward_frozen = [](const Parameter& p) { return p.name.find("mlp") == p.name.npos; };
  TrainModel dense = build_model(tiny_decoder(), std::nullopt, alone_layout(), at::kDouble, parallel::ExchangeKind::kAuto,
                                 ModelUse::kTraining, feed_forward_frozen);
  initialize(dense, 3);
  dense.trainable = {};  // from the conversion on everything is trained
  moe::MoeConfig moe = tiny_moe();
  moe.expert_hidden_size = dense.config.intermediate_size;
  const moe::Conversion shape{moe::ConversionKind::kSparsifyCopy, dense.config, std::nullopt, moe, 1.0};
  TrainModel sparse = convert_model(dense, shape, alone_layout(), parallel::ExchangeKind::kAuto, 21, true);
  const LeafStore leaves = leaves_of(sparse);
  const LeafView& copy = leaves.at("model.layers.1.mlp.experts.2.down_proj.weight");
  CHECK(at::equal(copy.value, leaves_of(dense).at("model.layers.1.mlp.down_proj.weight").value));
  CHECK(copy.exp_avg.abs().max().item<double>() == 0.0);
  CHECK(*copy.updates == UpdateCounts());
}

TEST_CASE("the gradients of an expert's copies sum to their source's, and so do their kept moments") {
  moe::MoeConfig sparse_shape = copy_shape(), after = copy_shape();
  ConversionKind kind = ConversionKind::kSparsifyCopy;
  TrainModel old = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  SECTION("copy") { after.routed_scaling_factor = 2.5; }
  SECTION("virtual groups") {
    kind = ConversionKind::kSparsifyVirtualGroup;
    after.num_experts = 12;
    after.expert_hidden_size = 8;
    after.top_k = 3;
  }
  SECTION("family") {
    kind = ConversionKind::kGrowFamily;
    after.num_experts = 8;
    after.family_size = 2;
  }
  SECTION("double top-k") {
    kind = ConversionKind::kGrowDoubleTopK;
    after.num_experts = 8;
    after.top_k = 4;
  }
  after.aux_loss_coef = after.z_loss_coef = sparse_shape.aux_loss_coef = sparse_shape.z_loss_coef = 0.0;
  const bool grows = kind == ConversionKind::kGrowFamily || kind == ConversionKind::kGrowDoubleTopK;
  if (grows) old = convert(old, ConversionKind::kSparsifyCopy, sparse_shape);
  train_a_little(old, 3);
  TrainModel made = convert(old, kind, after);
  StepOptions options;
  options.step = 4;
  const LocalBatch batch = tiny_batch(4, 8, old.config.vocab_size, 55);
  for (TrainModel* model : {&old, &made}) gradients_of(*model, batch, options);

  struct Sums {
    at::Tensor gradient, moment;
  };
  const auto gradient_of = [](const TrainModel& model, const Leaf& leaf) {
    const Parameter& p = parameter_of(model.parameters, leaf);
    return p.view(p.gradient.sum(), leaf);
  };
  std::map<std::string, Sums> sums;  // by source: of factor * what its copies have
  const moe::Conversion conversion{kind, old.config, old.moe, after, 1.0};
  for (const LeafView& view : leaves_of(made)) {
    if (view.leaf.name.find(".experts.") == std::string::npos) continue;
    const moe::LeafTerm term = moe::plan_leaf(conversion, *parse_tensor_id(view.leaf.name), view.leaf.shape)->terms.front();
    Sums& sum = sums[name_of(term.from)];
    for (const LeafView& source : leaves_of(old)) {
      if (source.leaf.name != name_of(term.from) || sum.gradient.defined()) continue;
      sum = {at::zeros_like(source.value), at::zeros_like(source.value)};
    }
    const auto add = [&](at::Tensor& to, const at::Tensor& what) {
      to.narrow(1, term.column_begin, term.column_count).index_add_(0, at::tensor(term.rows, at::kLong), what * term.factor);
    };
    add(sum.gradient, gradient_of(made, view.leaf));
    add(sum.moment, view.exp_avg);
  }
  CHECK(sums.size() == (grows ? 24 : 6));
  const auto apart = [](const at::Tensor& a, const at::Tensor& b) { return ((a - b).abs().max() / b.abs().max()).item<double>(); };
  for (const LeafView& source : leaves_of(old)) {
    const auto sum = sums.find(source.leaf.name);
    if (sum == sums.end()) continue;
    INFO(source.leaf.name);
    CHECK(apart(sum->second.gradient, gradient_of(old, source.leaf)) < 1e-12);
    CHECK(apart(sum->second.moment, source.exp_avg) < 1e-12);
  }
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
