// What a conversion does to Adam's counts of updates: weights drawn anew count from their drawing, kept ones go on.
#include "recipes/stages/convert_model.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <map>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;
using moe::ConversionKind;

namespace {

constexpr double kRate = 1e-3;

moe::MoeConfig experts(std::int64_t count) {
  moe::MoeConfig config = tiny_moe();
  config.expert_hidden_size = tiny_decoder().intermediate_size;
  config.num_experts = count;
  return config;
}

void train(TrainModel& model, std::int64_t steps) {
  StepOptions options;
  options.learning_rate = kRate;
  options.adamw = {0.9, 0.999, 1e-8, 0.0};
  for (options.step = 1; options.step <= steps; ++options.step)
    step_of(model, tiny_batch(4, 8, model.config.vocab_size, static_cast<std::uint64_t>(100 + options.step)), options);
}

TrainModel convert(TrainModel& old, ConversionKind kind, const moe::MoeConfig& after, bool keep_moments = true) {
  return convert_model(old, {kind, old.config, old.moe, after, 1.0}, alone_layout(), parallel::ExchangeKind::kAuto, 21, keep_moments);
}

std::map<std::string, UpdateCounts> updates_of(TrainModel& model) {
  std::map<std::string, UpdateCounts> updates;
  for (const LeafView& view : leaves_of(model)) updates.emplace(view.leaf.name, *view.updates);
  return updates;
}

std::map<std::string, at::Tensor> values_of(TrainModel& model) {
  std::map<std::string, at::Tensor> values;
  for (const LeafView& view : leaves_of(model)) values.emplace(view.leaf.name, view.value.clone());
  return values;
}

const std::string kLayer = "model.layers.1.mlp.";

}  // namespace

TEST_CASE("first updates of weights drawn anew are no larger than the learning rate") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train(dense, 150);
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, experts(4));
  perturb_experts(sparse, 0.0, 0.5, 1, 21);
  const auto counts = updates_of(sparse);
  CHECK(counts.at(kLayer + "gate.weight") == UpdateCounts(0));
  CHECK(counts.at("model.norm.weight") == UpdateCounts(150));
  // For ten updates the ratio of Adam's means is at most 1.05, whatever the gradients.
  for (int update = 1; update <= 10; ++update) {
    const auto before = values_of(sparse);
    train(sparse, 1);
    std::int64_t anew = 0;
    for (const auto& [name, value] : values_of(sparse)) {
      const UpdateCounts& updates = counts.at(name);
      at::Tensor fresh = at::tensor(updates.updates(), at::kLong).eq(0);  // of the leaf, its rows or its columns
      if (!updates.whole() && updates.dim() == 0) fresh = fresh.unsqueeze(1);
      const at::Tensor sizes = (value - before.at(name)).abs().masked_select(fresh.expand_as(value));
      anew += sizes.numel();
      if (sizes.numel() == 0) continue;
      INFO(name << ", update " << update);
      CHECK(sizes.max().item<double>() <= 1.1 * kRate);
      if (update == 1) CHECK(sizes.max().item<double>() >= 0.9 * kRate);  // something moves
    }
    // Router rows, and half of each expert's hidden units in three matrices.
    const DecoderConfig shape = tiny_decoder();
    CHECK(anew == 2 * 4 * (shape.hidden_size + 3 * shape.hidden_size * shape.intermediate_size / 2));
  }
}

TEST_CASE("counts of hidden units go wherever the units go") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train(dense, 2);
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, experts(4));
  perturb_experts(sparse, 0.0, 0.5, 2, 21);  // experts 1 and 3
  train(sparse, 1);
  const auto before = updates_of(sparse);
  const UpdateCounts up = before.at(kLayer + "experts.3.up_proj.weight"), down = before.at(kLayer + "experts.3.down_proj.weight");
  REQUIRE(!up.whole());
  CHECK(up.dim() == 0);
  CHECK(down.dim() == 1);
  CHECK(up.updates() == down.updates());
  CHECK(before.at(kLayer + "experts.2.up_proj.weight") == UpdateCounts(3));
  CHECK(before.at(kLayer + "gate.weight") == UpdateCounts(1));

  perturb_experts(sparse, 0.1, 0.0, 1, 22);  // noise is no redrawing
  moe::MoeConfig families = experts(8);
  families.family_size = 2;
  TrainModel twins = convert(sparse, ConversionKind::kGrowFamily, families);
  train(twins, 1);
  auto after = updates_of(twins);
  UpdateCounts up_now = up, down_now = down;
  up_now.count_update();
  down_now.count_update();
  for (const char* twin : {"6", "7"}) {
    CHECK(after.at(kLayer + "experts." + twin + ".up_proj.weight") == up_now);
    CHECK(after.at(kLayer + "experts." + twin + ".down_proj.weight") == down_now);
  }
  CHECK(after.at(kLayer + "gate.weight") == UpdateCounts(2));
  CHECK(after.at(kLayer + "family_gate.weight") == UpdateCounts(1));
  families = experts(16);
  families.family_size = 4;
  TrainModel fours = convert(twins, ConversionKind::kGrowFamily, families);
  std::vector<std::int64_t> levels(8 + 16, 0);  // the level that was there, and the new one
  std::fill_n(levels.begin(), 8, 1);
  CHECK(updates_of(fours).at(kLayer + "family_gate.weight") == UpdateCounts(0, levels));
  train(fours, 1);
  TrainModel flat = convert(fours, ConversionKind::kFlatten, experts(16));
  after = updates_of(flat);
  CHECK(after.at(kLayer + "gate.weight") == UpdateCounts(3));  // moments are the family rows', and so is the count
  up_now.count_update();
  CHECK(after.at(kLayer + "experts.15.up_proj.weight") == up_now);
  CHECK(flat.optimizer.steps() == 5);

  TrainModel anew = convert(fours, ConversionKind::kFlatten, experts(16), false);
  for (const auto& [name, updates] : updates_of(anew)) CHECK(updates == UpdateCounts(0));
  CHECK(anew.optimizer.steps() == 0);
}

TEST_CASE("a shard of a dense layer keeps the layer's count") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train(dense, 2);
  moe::MoeConfig shards = experts(6);
  shards.expert_hidden_size = 12;
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyVirtualGroup, shards);
  for (const auto& [name, updates] : updates_of(sparse)) CHECK(updates == UpdateCounts(name.find("mlp.gate") == std::string::npos ? 2 : 0));
}
