// Gradients of the whole objective in float64 against central differences: every custom autograd function is on the way.
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <cmath>
#include <functional>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

struct Setting {
  std::int64_t micro_batch_size = 8;
  RoutingLedger last = {};                             // of the step before
  std::function<bool(const Parameter&)> checked = {};  // which parameters; all of them if empty
};

double objective(TrainModel& model, const LocalBatch& batch, const Setting& setting) {
  StepOptions options;
  options.micro_batch_size = setting.micro_batch_size;
  model.last_routing = setting.last;
  const StepResult r = gradients_of(model, batch, options);
  double total = loss_of(r);
  if (model.moe) {
    const auto layers = static_cast<double>(model.sparse.size());
    total += layers * (model.moe->aux_loss_coef * r.terms.at("load_balancing_loss") + model.moe->z_loss_coef * r.terms.at("z_loss"));
  }
  return total;
}

// A few entries of every parameter; the largest difference relative to the parameter's largest gradient.
void check_gradients(TrainModel& model, const LocalBatch& batch, const Setting& setting = {}) {
  objective(model, batch, setting);
  std::vector<at::Tensor> gradients;
  for (Parameter* p : model.parameters.all()) gradients.push_back(p->gradient.sum().clone());
  const double eps = 1e-6;
  for (std::size_t i = 0; i < gradients.size(); ++i) {
    Parameter& p = *model.parameters.all()[i];
    if (setting.checked && !setting.checked(p)) continue;
    at::Tensor flat = p.value.view({-1});
    const double largest = gradients[i].abs().max().item<double>();
    INFO("parameter " << p.name << ", largest gradient " << largest);
    CHECK(largest > 0);
    for (std::uint64_t probe = 0; probe < 6; ++probe) {
      const auto at = static_cast<std::int64_t>(random_uniform(random_key(5, p.name), probe) * static_cast<double>(flat.numel()));
      const double value = flat[at].item<double>();
      flat[at].fill_(value + eps);
      const double up = objective(model, batch, setting);
      flat[at].fill_(value - eps);
      const double down = objective(model, batch, setting);
      flat[at].fill_(value);
      const double numeric = (up - down) / (2 * eps);
      const double exact = gradients[i].view({-1})[at].item<double>();
      INFO("element " << at << ": numeric " << numeric << ", analytic " << exact);
      CHECK(std::abs(numeric - exact) <= 2e-7 * largest + 1e-8);
    }
  }
}

bool ends_with(const std::string& name, const std::string& end) {
  return name.size() >= end.size() && name.compare(name.size() - end.size(), end.size(), end) == 0;
}

// Uneven counts of a step before, of another number of tokens than any batch here has.
RoutingLedger uneven_counts(const moe::MoeConfig& moe) {
  std::vector<SlotCounts> slots;
  for (std::size_t i = 0; i < moe.layers.size(); ++i)
    slots.push_back(
        {"", at::arange(moe.num_families(), at::kLong) * 5 + 1, at::arange(moe.num_child_rows(), at::kLong).remainder(3) * 4, {}, {}});
  return RoutingLedger(std::move(slots));
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
  check_gradients(model, batch, {.micro_batch_size = 4});
  check_gradients(model, batch, {.micro_batch_size = 1});
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
  check_gradients(model, tiny_batch(3, 8, config.vocab_size), {.micro_batch_size = 2});
}

TEST_CASE("gradients: lagged balance with uneven counts") {
  const DecoderConfig config = tiny_decoder();
  moe::MoeConfig moe = tiny_moe();
  moe.balance_loss = moe::BalanceLoss::kLagged;
  TrainModel model = tiny_model(config, moe, at::kDouble);
  const LocalBatch batch = tiny_batch(4, 8, config.vocab_size);
  check_gradients(model, batch, {.micro_batch_size = 2, .last = uneven_counts(moe)});
}

// The pick of a child is multiplied in as p/stopgrad(p): by design its derivative is not that of its value, which is 1, and reaches the
// children's rows alone. So differences are compared everywhere else, and there where the experts' outputs are zero, so that the pick's
// weight pulls at nothing. (The pick's own gradient is compared in tests/moe/router_test.cpp.)
TEST_CASE("gradients: families of four, capacity, no renormalisation") {
  const DecoderConfig config = tiny_decoder();
  const LocalBatch batch = tiny_batch(4, 8, config.vocab_size);
  for (const moe::BalanceLoss balance : {moe::BalanceLoss::kGlobal, moe::BalanceLoss::kSequence, moe::BalanceLoss::kLagged}) {
    INFO("balance " << static_cast<int>(balance));
    moe::MoeConfig moe = tiny_moe();
    moe.num_experts = 16;
    moe.family_size = 4;
    moe.norm_topk_prob = false;
    moe.capacity_factor = 1.0;
    moe.layers = {1};
    moe.balance_loss = balance;
    TrainModel model = tiny_model(config, moe, at::kDouble);
    CHECK(gradients_of(model, batch).dropped_fraction(model, batch.global_rows) > 0);
    Setting setting = {.micro_batch_size = 2, .last = uneven_counts(moe)};
    setting.checked = [](const Parameter& p) { return !ends_with(p.name, "family_gate.weight"); };
    check_gradients(model, batch, setting);
    model.sparse[0]->experts.down.value.zero_();
    setting.checked = [](const Parameter& p) { return ends_with(p.name, "family_gate.weight"); };
    check_gradients(model, batch, setting);
  }
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
      objective(model, batch, {.micro_batch_size = micro, .last = uneven_counts(moe)});
      if (whole.empty()) {
        for (Parameter* p : model.parameters.all()) whole.push_back(p->gradient.sum().clone());
        continue;
      }
      for (std::size_t i = 0; i < whole.size(); ++i) {
        const double scale = whole[i].abs().max().item<double>();
        CHECK((model.parameters.all()[i]->gradient.sum() - whole[i]).abs().max().item<double>() <= 1e-12 * scale);
      }
    }
  }
}

TEST_CASE("the head's numerics slot: transformed weight and input, value and gradient") {
  const LocalBatch batch = tiny_batch(3, 8, tiny_decoder().vocab_size);
  TrainModel model = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble);
  const double plain = objective(model, batch, {});
  // The identity composes to the fused function.
  model.decoder->head_numerics.weight = [](const at::Tensor& w) { return w * 1.0; };
  CHECK(std::abs(objective(model, batch, {}) - plain) < 1e-12);
  model.decoder->head_numerics.weight = [](const at::Tensor& w) { return at::tanh(w); };
  model.decoder->head_numerics.input = [](const at::Tensor& x) { return x * 0.5; };
  CHECK(std::abs(objective(model, batch, {}) - plain) > 1e-3);
  check_gradients(model, batch);
}
