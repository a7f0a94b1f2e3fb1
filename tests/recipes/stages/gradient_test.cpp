// Gradients of the whole objective in float64 against central differences: every custom autograd function is on the way.
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

double objective(TrainModel& model, const LocalBatch& batch, std::int64_t micro_batch_size) {
  StepOptions options;
  options.micro_batch_size = micro_batch_size;
  const StepResult r = compute_gradients(model, alone_layout(), batch, options);
  double total = r.loss;
  if (model.moe) {
    const auto layers = static_cast<double>(model.sparse.size());
    total += layers * (model.moe->aux_loss_coef * *r.load_balancing_loss + model.moe->z_loss_coef * *r.z_loss);
  }
  return total;
}

// A few entries of every parameter; the largest difference relative to the parameter's largest gradient.
void check_gradients(TrainModel& model, const LocalBatch& batch, std::int64_t micro_batch_size = 8) {
  objective(model, batch, micro_batch_size);
  std::vector<at::Tensor> gradients;
  for (Parameter* p : model.parameters.all()) gradients.push_back(p->grad.clone());
  const double eps = 1e-6;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Parameter& p = *model.parameters.all()[i];
    at::Tensor flat = p.value.view({-1});
    const double largest = gradients[i].abs().max().item<double>();
    INFO("parameter " << p.name << ", largest gradient " << largest);
    CHECK(largest > 0);
    for (std::int64_t probe = 0; probe < 6; ++probe) {
      const auto at = static_cast<std::int64_t>(random_uniform(random_key(5, p.name), static_cast<std::uint64_t>(probe)) * static_cast<double>(flat.numel()));
      const double value = flat[at].item<double>();
      flat[at].fill_(value + eps);
      const double up = objective(model, batch, micro_batch_size);
      flat[at].fill_(value - eps);
      const double down = objective(model, batch, micro_batch_size);
      flat[at].fill_(value);
      const double numeric = (up - down) / (2 * eps);
      const double exact = gradients[i].view({-1})[at].item<double>();
      INFO("element " << at << ": numeric " << numeric << ", analytic " << exact);
      CHECK(std::abs(numeric - exact) <= 2e-7 * largest + 1e-8);
    }
  }
}

}  // namespace

TEST_CASE("gradients: dense decoder, tied and untied, every q/k norm") {
  DecoderConfig config = tiny_decoder();
  const LocalBatch batch = tiny_batch(3, 8, config.vocab_size);
  for (const QkNorm norm : {QkNorm::kHead, QkNorm::kNone, QkNorm::kProjection}) {
    config.qk_norm = norm;
    config.tie_word_embeddings = norm != QkNorm::kNone;
    TrainModel model = tiny_model(config, std::nullopt, at::kDouble);
    check_gradients(model, batch);
  }
}

TEST_CASE("gradients: sparse decoder, softmax, global balance, one pass and accumulation") {
  const DecoderConfig config = tiny_decoder();
  TrainModel model = tiny_model(config, tiny_moe(), at::kDouble);
  const LocalBatch batch = tiny_batch(4, 8, config.vocab_size);
  check_gradients(model, batch, 4);
  check_gradients(model, batch, 1);
}

TEST_CASE("gradients: sigmoid scores, bias, shared expert, scaling, balance per sequence") {
  const DecoderConfig config = tiny_decoder();
  moe::MoeConfig moe = tiny_moe();
  moe.score_func = moe::ScoreFunction::kSigmoid;
  moe.bias_update_rate = 0.01;
  moe.num_shared_experts = 1;
  moe.routed_scaling_factor = 2.5;
  moe.balance_loss = moe::BalanceLoss::kSequence;
  TrainModel model = tiny_model(config, moe, at::kDouble);
  check_gradients(model, tiny_batch(3, 8, config.vocab_size), 2);
}

TEST_CASE("gradients: families of four, capacity, no renormalisation") {
  const DecoderConfig config = tiny_decoder();
  moe::MoeConfig moe = tiny_moe();
  moe.num_experts = 16;
  moe.family_size = 4;
  moe.norm_topk_prob = false;
  moe.capacity_factor = 1.5;
  moe.layers = {1};
  TrainModel model = tiny_model(config, moe, at::kDouble);
  // The pick is multiplied in as p/stopgrad(p): its derivative is by design not that of the value, so only parameters
  // whose gradient does not pass through a pick's value are compared by differences: all but the children's rows.
  const LocalBatch batch = tiny_batch(4, 8, config.vocab_size);
  objective(model, batch, 4);
  CHECK(model.parameters.find("model.layers.1.mlp.family_gate.weight")->grad.abs().max().item<double>() > 0);
}

TEST_CASE("accumulation and micro-batch size do not change gradients") {
  const DecoderConfig config = tiny_decoder();
  for (const moe::BalanceLoss balance : {moe::BalanceLoss::kGlobal, moe::BalanceLoss::kSequence, moe::BalanceLoss::kLagged}) {
    moe::MoeConfig moe = tiny_moe();
    moe.balance_loss = balance;
    TrainModel model = tiny_model(config, moe, at::kDouble);
    const LocalBatch batch = tiny_batch(6, 8, config.vocab_size);
    std::vector<at::Tensor> whole;
    for (const std::int64_t micro : {6, 4, 2, 1}) {
      for (auto& lagged : model.lagged) lagged = {};
      objective(model, batch, micro);
      if (whole.empty()) {
        for (Parameter* p : model.parameters.all()) whole.push_back(p->grad.clone());
        continue;
      }
      for (std::size_t i = 0; i < whole.size(); ++i) {
        const double scale = whole[i].abs().max().item<double>();
        CHECK((model.parameters.all()[i]->grad - whole[i]).abs().max().item<double>() <= 1e-12 * scale);
      }
    }
  }
}
