// Whole models on composed operations: the losses and gradients of the kernels, to rounding.
#include "tests/core/ops/forms.hpp"
#include "tests/support/adamw_control.hpp"
#include "tests/support/tiny_model.hpp"

#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

struct Digits {
  double loss;
  std::vector<at::Tensor> gradients, values;  // of a step, and after it
};

Digits digits(const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe) {
  TrainModel model = tiny_model(config, moe, at::kDouble);
  Digits result;
  const LocalBatch batch = tiny_batch(4, 8, config.vocab_size);
  result.loss = loss_of(gradients_of(model, batch));
  for (const Parameter* p : model.parameters.trained()) result.gradients.push_back(p->gradient.sum().clone());
  AdamW(model.parameters).step(model.parameters, {}, 1e-3, update_by(1.0));
  for (const Parameter* p : model.parameters.trained()) result.values.push_back(p->value.clone());
  return result;
}

double relative_error(const at::Tensor& got, const at::Tensor& expected) {
  return ((got - expected).abs().max() / expected.abs().max()).item<double>();
}

void check(const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe) {
  const Composed off(false);
  const Digits kernels = digits(config, moe);
  const Composed on;
  const Digits composed = digits(config, moe);
  CHECK(composed.loss == Approx(kernels.loss).epsilon(1e-10));
  REQUIRE(composed.gradients.size() == kernels.gradients.size());
  for (std::size_t i = 0; i < kernels.gradients.size(); ++i) {
    INFO("parameter " << i);
    CHECK(relative_error(composed.gradients[i], kernels.gradients[i]) <= 1e-10);
    CHECK(relative_error(composed.values[i], kernels.values[i]) <= 1e-10);
  }
}

}  // namespace

TEST_CASE("a dense model on composed operations has the kernels' loss, gradients and update") {
  DecoderConfig config = tiny_decoder();
  for (const QkNorm norm : {QkNorm::kNone, QkNorm::kHead, QkNorm::kProjection}) {
    config.qk_norm = norm;
    config.tie_word_embeddings = norm != QkNorm::kHead;
    check(config, std::nullopt);
  }
}

TEST_CASE("a sparse model on composed operations has the kernels' loss, gradients and update") {
  moe::MoeConfig moe = tiny_moe();
  check(tiny_decoder(), moe);
  moe.num_shared_experts = 1;
  moe.capacity_factor = 1.0;  // some pairs are dropped
  moe.score_func = moe::ScoreFunction::kSigmoid;
  check(tiny_decoder(), moe);
  moe.family_size = 2;
  check(tiny_decoder(), moe);
}
