// Weights of a folder in a model in training.
#include "recipes/stages/model_io.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/recipes/convert/model_writer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

// The folder's model in a run whose recipe does not update selection biases.
TrainModel load_without_update(const ModelFolder& folder) {
  moe::MoeConfig settings = *folder.config.model.moe;
  settings.bias_update_rate = 0.0;
  TrainModel model = build_model(folder.config.model.decoder, settings, alone_layout(), at::kFloat, "auto");
  load_weights(model, folder);
  return model;
}

}  // namespace

TEST_CASE("a learned selection bias stays when nothing updates it any more") {
  const checkpoint::TemporaryFolder temporary;
  ModelDescription description = sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSigmoid);
  description.moe->bias_update_rate = 1e-3;
  write_model(temporary.path(), description, checkpoint::kDefaultShardBytes);
  const ModelFolder folder = open_model_folder(temporary.path());
  TrainModel model = load_without_update(folder);
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    const moe::Router& router = model.sparse[i]->router;
    CHECK(router.has_bias());
    const std::string name = "model.layers." + std::to_string(i) + ".mlp.gate.e_score_correction_bias";
    CHECK(at::equal(router.correction_bias, to_tensor(folder.tensors.at(name))));
    CHECK(router.correction_bias.abs().min().item<double>() > 0.0);
  }
  CHECK(describe(model, -1).router_bias());  // and so it is in the next checkpoint
  CHECK(routing_state(model).count("correction_bias/2") == 1);
}

TEST_CASE("a folder without a selection bias gives none") {
  const checkpoint::TemporaryFolder temporary;
  // Glm4Moe's own tensor is there all the same, as zeros.
  write_model(temporary.path(), sparse_sample(QkNorm::kHead, {2, 3}, moe::ScoreFunction::kSigmoid), checkpoint::kDefaultShardBytes);
  TrainModel model = load_without_update(open_model_folder(temporary.path()));
  CHECK(!model.sparse.front()->router.has_bias());
  CHECK(!describe(model, -1).router_bias());
}

TEST_CASE("a model is described alike before and after it was saved and loaded") {
  moe::MoeConfig moe = tiny_moe();
  moe.bias_update_rate = 1e-3;
  TrainModel model = tiny_model(tiny_decoder(), moe, at::kFloat);
  const ModelDescription fresh = describe(model, -1);
  CHECK(fresh.has_router_bias);
  model.sparse.front()->router.bias_loaded = true;
  CHECK(describe(model, -1) == fresh);
}
