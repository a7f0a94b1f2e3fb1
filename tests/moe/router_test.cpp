// The router's integer rules: ties, capacity, the update of the selection bias; and scores that are all zero.
#include "moe/router.hpp"

#include "core/base/random.hpp"
#include "core/nn/parameter_set.hpp"
#include "core/ops/expert_slots.hpp"
#include "core/tensor/host_integers.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/equal_router_rows.hpp"
#include "tests/support/finite_differences.hpp"

#include <cmath>
#include <vector>

using namespace sluice;
using namespace sluice::moe;

namespace {

using Experts = std::vector<std::int64_t>;

MoeConfig flat(std::int64_t num_experts, std::int64_t top_k) {
  MoeConfig config;
  config.num_experts = num_experts;
  config.top_k = top_k;
  return config;
}

// A router over D = 2 whose rows are the given ones.
Router router_of(const MoeConfig& config, const std::vector<double>& rows) {
  Router router(config, 2, "layers.0", at::kDouble);
  router.gate.value.copy_(at::tensor(rows, at::kDouble).view_as(router.gate.value));
  router.gate.refresh_compute(at::kDouble);
  return router;
}

RowTable one_sequence(std::int64_t length) { return RowTable({length}, {0}, at::kCPU); }

std::vector<double> values_of(const at::Tensor& t) {
  const at::Tensor flat = t.to(at::kDouble).contiguous();
  return {flat.const_data_ptr<double>(), flat.const_data_ptr<double>() + flat.numel()};
}

}  // namespace

TEST_CASE("equal scores go to the lower expert, the larger score first") {
  const Router router = router_of(flat(4, 2), {1, 0, 2, 0, 1, 0, 2, 0});
  const at::Tensor x = at::tensor({1.0, 0.0, -1.0, 0.0, 0.0, 5.0}, at::kDouble).view({3, 2});
  const Routing routing = router.route(x, one_sequence(3));
  CHECK(integers_of(routing.experts) == Experts{1, 3, 0, 2, 0, 1});  // the third row sees four equal scores
  CHECK(values_of(routing.weights) == std::vector<double>(6, 0.5));
  CHECK(values_of(routing.statistics.counts) == std::vector<double>{2, 2, 1, 1});
}

TEST_CASE("a selection bias chooses and does not weigh") {
  Router router = router_of(flat(3, 2), {1, 0, 0, 0, -1, 0});
  router.bias_loaded = true;
  router.correction_bias.copy_(at::tensor({0.0, 0.0, 10.0}, at::kDouble));
  const Routing routing = router.route(at::tensor({1.0, 0.0}, at::kDouble).view({1, 2}), one_sequence(1));
  CHECK(integers_of(routing.experts) == Experts{2, 0});
  const std::vector<double> weights = values_of(routing.weights);  // e^-1 : e^1
  CHECK(weights[0] == Approx(1.0 / (1.0 + std::exp(2.0))));
  CHECK(weights[0] + weights[1] == Approx(1.0));
}

TEST_CASE("the bias moves by the sign of T*k - E*count, in integers") {
  MoeConfig config = flat(4, 2);
  config.bias_update_rate = 0.25;
  config.score_func = ScoreFunction::kSigmoid;
  Router router(config, 2, "layers.0", at::kDouble);
  router.update_bias(at::tensor(std::vector<std::int64_t>{5, 4, 3, 4}, at::kLong));  // 16 pairs, 4 when even
  CHECK(values_of(router.correction_bias) == std::vector<double>{-0.25, 0, 0.25, 0});
  // 2^53 + 1 pairs cannot be told from 2^53 in floating point.
  const std::int64_t many = std::int64_t{1} << 53;
  router.correction_bias.zero_();
  router.update_bias(at::tensor(std::vector<std::int64_t>{many / 4, many / 4 + 1, many / 4, many / 4}, at::kLong));
  CHECK(values_of(router.correction_bias) == std::vector<double>{0.25, -0.25, 0.25, 0.25});
  router.update_bias(at::zeros({4}, at::kLong));
  CHECK(values_of(router.correction_bias) == std::vector<double>{0.25, -0.25, 0.25, 0.25});
  config.bias_update_rate = 0.0;
  router.set_config(config);
  router.update_bias(at::tensor(std::vector<std::int64_t>{8, 0, 0, 0}, at::kLong));
  CHECK(values_of(router.correction_bias) == std::vector<double>{0.25, -0.25, 0.25, 0.25});
  CHECK(router.has_bias());  // it goes on choosing
}

TEST_CASE("a bias step is the rate for sigmoid scores, its share of a row for softmax scores") {
  const auto moved = [](ScoreFunction score, std::int64_t family_size, bool by_rows) {
    MoeConfig config = flat(8, 1);
    config.family_size = family_size;
    config.score_func = score;
    config.bias_update_rate = 0.5;
    Router router(config, 2, "layers.0", at::kDouble);
    router.bias_by_rows = by_rows;
    std::vector<std::int64_t> counts(static_cast<std::size_t>(config.num_families()), 1);
    counts.front() = 0;
    router.update_bias(at::tensor(counts, at::kLong));
    return router.correction_bias[0].item<double>();
  };
  CHECK(moved(ScoreFunction::kSigmoid, 1, true) == 0.5);
  CHECK(moved(ScoreFunction::kSoftmax, 1, true) == 0.0625);
  CHECK(moved(ScoreFunction::kSoftmax, 4, true) == 0.25);  // two families, to whose scores it is added
  CHECK(moved(ScoreFunction::kSoftmax, 1, false) == 0.5);  // of a run that began before
}

TEST_CASE("capacity is the ceiling of T*k*factor/E, exact for decimal factors") {
  CHECK(expert_capacity(100, 2, 20, 1.1) == 11);  // 200 * 1.1 is above 220 in binary
  CHECK(expert_capacity(100, 2, 20, 1.11) == 12);
  CHECK(expert_capacity(64, 2, 8, 1.25) == 20);
  CHECK(expert_capacity(3, 1, 2, 1.0) == 2);
  CHECK(expert_capacity(10, 1, 10, 0.3) == 1);
  CHECK(expert_capacity(1000, 3, 10, 1.1) == 330);
  CHECK(expert_capacity(1000, 3, 10, 1.001) == 301);
}

TEST_CASE("what is over capacity is dropped in order of (token, k), sequence by sequence") {
  // Two sequences of 4 tokens, top-2 of 4 experts, two pairs an expert and sequence.
  const Experts before = {0, 1, 0, 2, 0, 1, 1, 0, /**/ 3, 0, 3, 0, 3, 1, 2, 3};
  const auto kept = [](const Experts& experts, const Experts& sequence, const Experts& capacity) {
    const at::Tensor pairs = at::tensor(experts, at::kLong).view({-1, 2});
    return integers_of(ops::within_capacity(pairs, at::tensor(sequence, at::kLong), at::tensor(capacity, at::kLong), 4));
  };
  const Experts experts = kept(before, {0, 0, 0, 0, 1, 1, 1, 1}, {2, 2});
  CHECK(experts == Experts{0, 1, 0, 2, -1, 1, -1, -1, /**/ 3, 0, 3, 0, -1, 1, 2, -1});
  // A sequence keeps what it keeps, whatever stands before it.
  const Experts second = {before.begin() + 8, before.end()};
  CHECK(kept(second, {0, 0, 0, 0}, {2}) == Experts(experts.begin() + 8, experts.end()));
  CHECK(kept(before, {0, 0, 0, 0, 1, 1, 1, 1}, {8, 8}) == before);
  // The router's own, with the counts of what is left.
  MoeConfig config = flat(4, 2);
  config.capacity_factor = 1.0;
  const Router router = router_of(config, {1, 0, 1, 0, 0, 1, 0, 1});
  const at::Tensor x = at::tensor({1.0, 0.0, 1.0, 0.0, 1.0, 0.0, 0.0, 1.0}, at::kDouble).view({4, 2});
  const Routing routing = router.route(x, one_sequence(4));
  CHECK(integers_of(routing.experts) == Experts{0, 1, 0, 1, -1, -1, 2, 3});
  CHECK(integers_of(routing.statistics.dropped) == Experts{2});
  CHECK(integers_of(routing.statistics.expert_counts) == Experts{2, 2, 1, 1});
  CHECK(integers_of(routing.plan.slot) == Experts{0, 2, 1, 3, -1, -1, 4, 5});
}

TEST_CASE("sigmoid scores that are all zero give finite shares, weights and gradients") {
  MoeConfig config = flat(3, 2);
  config.score_func = ScoreFunction::kSigmoid;
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    Router router(config, 2, "layers.0", type);
    router.gate.value.fill_(-1000.0);
    router.gate.refresh_compute(type);
    ParameterSet parameters({&router.gate});
    const at::Tensor x = at::ones({2, 2}, type).set_requires_grad(true);
    const Routing routing = router.route(x, one_sequence(2));
    CHECK(integers_of(routing.experts) == Experts{0, 1, 0, 1});
    CHECK(values_of(routing.weights) == std::vector<double>(4, 0.0));
    CHECK(values_of(routing.statistics.probability_sum) == std::vector<double>(3, 0.0));
    (routing.weights.sum() + routing.statistics.probability_sum.square().sum() + routing.statistics.z_sum).backward();
    CHECK(x.grad().isfinite().all().item<bool>());
    CHECK(router.gate.gradient.sum().isfinite().all().item<bool>());
  }
}

TEST_CASE("a family's pick has the value 1 and the gradient of its logarithm") {
  MoeConfig config = flat(8, 2);
  config.family_size = 4;  // two families: 4 child rows of the first level, then 8
  Router router(config, 3, "layers.0", at::kDouble);
  const auto draw = [](const at::Tensor& t, const char* name) {
    double* out = t.mutable_data_ptr<double>();
    for (std::int64_t i = 0; i < t.numel(); ++i) out[i] = random_normal(random_key(4, name), static_cast<std::uint64_t>(i));
  };
  draw(router.gate.value, "gate");
  draw(router.family_gate.value, "children");
  ParameterSet parameters({&router.gate, &router.family_gate});
  const at::Tensor x = at::empty({5, 3}, at::kDouble), pull = at::empty({5, 2}, at::kDouble);
  draw(x, "x");
  draw(pull, "pull");
  x.set_requires_grad(true);
  const Routing routing = router.route(x, one_sequence(5));
  CHECK(at::allclose(routing.weights.sum(1), at::ones({5}, at::kDouble), 1e-14, 0));
  (routing.weights * pull).sum().backward();
  // sum of pull * weight * log p over the picks on the way to each chosen expert, the weights held still.
  const std::vector<double> weight = values_of(routing.weights.detach()), by = values_of(pull);
  const Experts chosen = integers_of(routing.experts);
  const auto logarithms = [&] {
    at::NoGradGuard no_grad;
    double total = 0.0;
    for (std::size_t i = 0; i < 10; ++i) {
      const std::int64_t expert = chosen[i];
      for (const auto& [level_begin, child] : {std::pair<std::int64_t, std::int64_t>{0, expert / 2}, {4, expert}}) {
        const at::Tensor row = x[static_cast<std::int64_t>(i / 2)];
        const double mine = (row * router.family_gate.value[level_begin + child]).sum().item<double>();
        const double other = (row * router.family_gate.value[level_begin + (child ^ 1)]).sum().item<double>();
        total += by[i] * weight[i] * (mine - std::log(std::exp(mine) + std::exp(other)));
      }
    }
    return total;
  };
  CHECK(sluice::testing::gradient_error(router.family_gate.value, router.family_gate.gradient.sum(), logarithms) <= 1e-7);
}

TEST_CASE("equal router rows choose the lowest experts, whatever N, E and the element type") {
  std::vector<std::int64_t> alone;
  for (std::int64_t token = 0; token < 67; ++token) alone.push_back(token);
  for (const at::ScalarType type : {at::kFloat, at::kDouble, at::kBFloat16}) {
    for (const ScoreFunction score : {ScoreFunction::kSoftmax, ScoreFunction::kSigmoid}) {
      for (const std::int64_t num_experts : {3, 8, 11, 21, 37, 128}) {
        INFO("type " << at::toString(type) << ", score " << name_of(score) << ", E " << num_experts);
        CHECK(testing::wrong_choices_of_equal_rows(score, num_experts, type, {2, 3, 5, 8, 13, 16, 19, 33, 67}, alone) == 0);
      }
    }
  }
}

TEST_CASE("a token's choice and weights do not depend on the tokens beside it") {
  MoeConfig config = flat(21, 3);
  for (const ScoreFunction score : {ScoreFunction::kSoftmax, ScoreFunction::kSigmoid}) {
    config.score_func = score;
    Router router(config, 32, "layers.0", at::kFloat);
    at::Tensor x = at::empty({40, 32}, at::kFloat);
    for (at::Tensor* t : {&router.gate.value, &x})
      for (std::int64_t i = 0; i < t->numel(); ++i)
        t->view({-1})[i] = random_normal(random_key(7, t == &x ? "x" : "w"), static_cast<std::uint64_t>(i));
    const Routing together = router.route(x, one_sequence(40));
    for (std::int64_t n = 0; n < 40; ++n) {
      const Routing alone = router.route(x.narrow(0, n, 1), one_sequence(1));
      CHECK(alone.experts.equal(together.experts.narrow(0, n, 1)));
      CHECK(alone.weights.equal(together.weights.narrow(0, n, 1)));
    }
  }
}
