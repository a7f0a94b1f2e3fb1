// Cosines between experts and to what they were made of, against pairs formed one by one, through every conversion.
#include "recipes/stages/expert_difference.hpp"

#include "recipes/stages/convert_model.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <map>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;
using moe::ConversionKind;

namespace {

moe::MoeConfig shape(std::int64_t num_experts, std::int64_t width, std::int64_t family_size = 1) {
  moe::MoeConfig moe = tiny_moe();
  moe.num_experts = num_experts;
  moe.expert_hidden_size = width;
  moe.family_size = family_size;
  return moe;
}

TrainModel convert(TrainModel& old, ConversionKind kind, const moe::MoeConfig& after) {
  return convert_model(old, {kind, old.config, old.moe, after, 1.0}, alone_layout(), parallel::ExchangeKind::kAuto, 21, true);
}

void train_a_little(TrainModel& model) {
  StepOptions options;
  options.learning_rate = 1e-2;
  for (options.step = 1; options.step <= 3; ++options.step)
    step_of(model, tiny_batch(4, 8, model.config.vocab_size, static_cast<std::uint64_t>(options.step)), options);
}

ExpertDifference difference_of(const TrainModel& model) { return expert_difference(model, alone_layout(), 0); }

// Expert `e` of sparse layer `i` as one vector.
at::Tensor vector_of(const TrainModel& model, std::size_t i, std::int64_t e) {
  const moe::GroupedExperts& experts = model.sparse[i]->experts;
  return at::cat({experts.gate_up.value[e].flatten(), experts.down.value[e].flatten()}).to(at::kDouble);
}

double cosine(const at::Tensor& a, const at::Tensor& b) { return (a.dot(b) / (a.norm() * b.norm())).item<double>(); }

double mean_over_pairs(const TrainModel& model, std::size_t i) {
  double sum = 0.0;
  std::int64_t pairs = 0;
  for (std::int64_t a = 0; a < model.moe->num_experts; ++a) {
    for (std::int64_t b = 0; b < a; ++b) {
      sum += cosine(vector_of(model, i, a), vector_of(model, i, b));
      ++pairs;
    }
  }
  return sum / static_cast<double>(pairs);
}

// Columns [begin, begin + width) of the dense feed-forward of layer `i`, `factor` times its down.
at::Tensor dense_vector(TrainModel& dense, std::int64_t i, std::int64_t begin, std::int64_t width, double factor) {
  std::map<std::string, at::Tensor> values;
  for (const LeafView& view : leaves_of(dense)) values[view.leaf.name] = view.value;
  const std::string prefix = "model.layers." + std::to_string(i) + ".mlp.";
  const auto rows = [&](const char* name) { return values.at(prefix + name).narrow(0, begin, width).flatten(); };
  return at::cat({rows("gate_proj.weight"), rows("up_proj.weight"),
                  values.at(prefix + "down_proj.weight").narrow(1, begin, width).flatten() * factor});
}

}  // namespace

TEST_CASE("the mean over all pairs is that of pairs formed one by one") {
  for (const at::ScalarType type : {at::kDouble, at::kFloat, at::kBFloat16}) {
    const TrainModel model = tiny_model(tiny_decoder(), shape(6, 12), type);
    const ExpertDifference difference = difference_of(model);
    REQUIRE(difference.cosine.size() == 2);
    for (const std::size_t i : {0u, 1u})
      CHECK(difference.cosine[i] == Approx(mean_over_pairs(model, i)).margin(type == at::kDouble ? 1e-14 : 1e-7));
    CHECK(difference.dense_cosine.empty());  // it starts sparse
  }
}

TEST_CASE("a layer with one expert has no pairs") {
  moe::MoeConfig one = shape(1, 12);
  one.top_k = 1;
  CHECK(difference_of(tiny_model(tiny_decoder(), one, at::kDouble)).cosine.empty());
}

TEST_CASE("copies are equal to each other and to their origin until they train, and growth and flattening forget nothing") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  moe::MoeConfig moe = shape(4, 24);
  SECTION("plain") {}
  SECTION("scaled: down differs from the dense one, the origin likewise") {
    moe.score_func = moe::ScoreFunction::kSigmoid;
    moe.routed_scaling_factor = 2.5;
  }
  SECTION("a shared expert takes the first columns") {
    moe.num_shared_experts = 1;
    moe.expert_hidden_size = 12;
  }
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyCopy, moe);
  for (const auto& cosines : {difference_of(sparse).cosine, difference_of(sparse).dense_cosine}) {
    REQUIRE(cosines.size() == 2);
    for (const double value : cosines) CHECK(value == Approx(1.0).margin(1e-14));
  }
  train_a_little(sparse);
  const ExpertDifference trained = difference_of(sparse);
  const std::int64_t begin = 24 - moe.expert_hidden_size;
  for (const std::size_t i : {0u, 1u}) {
    CHECK(trained.cosine[i] == Approx(mean_over_pairs(sparse, i)).margin(1e-13));
    CHECK(trained.cosine[i] < 1 - 1e-6);
    double sum = 0.0;
    for (std::int64_t e = 0; e < 4; ++e)
      sum += cosine(vector_of(sparse, i, e),
                    dense_vector(dense, static_cast<std::int64_t>(i), begin, moe.expert_hidden_size, 1 / moe.routed_scaling_factor));
    CHECK(trained.dense_cosine[i] == Approx(sum / 4).margin(1e-13));
    CHECK(trained.dense_cosine[i] < 1 - 1e-6);
  }
  moe.num_experts = 8;
  moe.family_size = 2;
  TrainModel wide = convert(sparse, ConversionKind::kGrowFamily, moe);
  moe.family_size = 1;
  for (const TrainModel& model : {convert(wide, ConversionKind::kFlatten, moe), std::move(wide)}) {
    const ExpertDifference grown = difference_of(model);
    for (const std::size_t i : {0u, 1u}) {
      CHECK(grown.cosine[i] == Approx(mean_over_pairs(model, i)).margin(1e-13));
      CHECK(grown.dense_cosine[i] == Approx(trained.dense_cosine[i]).margin(1e-13));
    }
  }
}

TEST_CASE("shards of the dense feed-forward are each their own origin, through growth by copies") {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  moe::MoeConfig moe = shape(6, 8);
  moe.top_k = 3;
  TrainModel sparse = convert(dense, ConversionKind::kSparsifyVirtualGroup, moe);
  const ExpertDifference fresh = difference_of(sparse);
  for (const std::size_t i : {0u, 1u}) {
    CHECK(fresh.cosine[i] == Approx(mean_over_pairs(sparse, i)).margin(1e-13));
    CHECK(fresh.cosine[i] < 0.9);  // of two shards
    CHECK(fresh.dense_cosine[i] == Approx(1.0).margin(1e-14));
  }
  perturb_experts(sparse, 0.5, 0.0, 1, 3);
  moe.num_experts = 12;
  TrainModel wide = convert(sparse, ConversionKind::kGrowCopy, moe);
  const ExpertDifference grown = difference_of(wide);
  for (const std::size_t i : {0u, 1u}) {
    double sum = 0.0;
    for (std::int64_t e = 0; e < 12; ++e)
      sum += cosine(vector_of(wide, i, e), dense_vector(dense, static_cast<std::int64_t>(i), e / 2 % 3 * 8, 8, 3.0));
    CHECK(grown.dense_cosine[i] == Approx(sum / 12).margin(1e-13));
    CHECK(grown.dense_cosine[i] < 0.95);
  }
}
