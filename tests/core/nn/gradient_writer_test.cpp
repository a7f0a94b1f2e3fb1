// The one door for gradients: who writes, whether or not the input requires one, what is counted, what is frozen.
#include "core/nn/gradient.hpp"

#include "core/base/random.hpp"
#include "core/nn/cross_entropy.hpp"
#include "core/nn/embedding.hpp"
#include "core/nn/linear.hpp"
#include "core/nn/parameter_set.hpp"
#include "core/nn/rms_norm.hpp"
#include "core/optim/adamw.hpp"
#include "core/tensor/error_line.hpp"
#include "moe/grouped_experts.hpp"
#include "moe/router.hpp"
#include "tests/support/adamw_control.hpp"
#include "tests/support/catch.hpp"

#include <functional>
#include <string>
#include <vector>

using namespace sluice;

namespace {

at::Tensor normal(const std::vector<std::int64_t>& shape, const std::string& name) {
  at::Tensor t = at::empty(shape, at::kDouble);
  for (std::int64_t i = 0; i < t.numel(); ++i)
    t.mutable_data_ptr<double>()[i] = random_normal(random_key(6, name), static_cast<std::uint64_t>(i));
  return t;
}

Parameter drawn(const std::string& name, const std::vector<std::int64_t>& shape) {
  Parameter p = Parameter::make(name, shape, at::kDouble);
  p.value.copy_(normal(shape, name));
  return p;
}

const at::Tensor& targets() {
  static const at::Tensor ids = at::tensor({3, 0, 5, 1, 4}, at::kLong);
  return ids;
}

double relative(const at::Tensor& a, const at::Tensor& b) { return ((a - b).abs().max() / b.abs().max()).item<double>(); }

// Layers with a weight on top of rows x [5, 4]: each as a function of x alone.
struct Layer {
  std::string name;
  std::vector<Parameter*> weights;
  std::function<at::Tensor(const at::Tensor&)> apply;
};

struct Layers {
  Parameter matrix = drawn("matrix", {6, 4}), transformed = drawn("transformed", {6, 4}), norm = drawn("norm", {4}),
            added_norm = drawn("added norm", {4}), head = drawn("head", {6, 4}), transformed_head = drawn("transformed head", {6, 4}),
            grouped = drawn("grouped", {2, 3, 4});
  moe::GroupedExperts experts{router_shape(), 4, "layers.0", 0, 2, at::kDouble};
  moe::Router router{router_shape(), 4, "layers.0", at::kDouble};
  at::Tensor row_weights = normal({5}, "row weights");

  static moe::MoeConfig router_shape() {
    moe::MoeConfig config;
    config.num_experts = 4;
    config.expert_hidden_size = 3;
    config.family_size = 2;
    config.top_k = 1;
    config.norm_topk_prob = false;
    return config;
  }

  Layers() {
    for (Parameter* p : {&experts.gate_up, &experts.down, &router.gate, &router.family_gate})
      p->value.copy_(normal(p->value.sizes().vec(), p->name));
  }

  std::vector<Layer> all() {
    const Numerics bend = {[](const at::Tensor& w) { return at::tanh(w); }, nullptr};
    const at::Tensor residual = normal({5, 4}, "residual");
    const RowTable rows({5}, {0}, at::kCPU);
    return {
        {"linear", {&matrix}, [=, this](const at::Tensor& x) { return linear(x, matrix); }},
        {"linear, transformed", {&transformed}, [=, this](const at::Tensor& x) { return linear(x, transformed, bend); }},
        {"norm", {&norm}, [=, this](const at::Tensor& x) { return rms_norm(x, norm, 1e-6); }},
        {"norm of a sum", {&added_norm}, [=, this](const at::Tensor& x) { return add_rms_norm(x, residual, added_norm, 1e-6).second; }},
        {"head", {&head}, [=, this](const at::Tensor& x) { return linear_cross_entropy(x, targets(), head, 0.3); }},
        {"head, transformed",
         {&transformed_head},
         [=, this](const at::Tensor& x) { return linear_cross_entropy(x, targets(), transformed_head, 0.3, nullptr, bend); }},
        {"grouped linear",
         {&grouped},
         [=, this](const at::Tensor& x) { return moe::grouped_linear(x, grouped, at::tensor({2, 3}, at::kLong)); }},
        {"experts",
         {&experts.gate_up, &experts.down},
         [=, this](const at::Tensor& x) { return experts.forward({x, row_weights, at::tensor({2, 3}, at::kLong)}); }},
        {"router",
         {&router.gate, &router.family_gate},
         [=, this](const at::Tensor& x) {
           const moe::Routing routing = router.route(x, rows);
           return at::cat(
               {routing.weights.flatten() * row_weights, routing.statistics.probability_sum.flatten(), routing.statistics.z_sum.view({1})});
         }},
    };
  }
};

// What reaches the loss: for a term of the objective itself 1, elsewhere numbers of its own.
at::Tensor loss_of(const at::Tensor& y) { return y.dim() == 0 ? y : (y * normal(y.sizes().vec(), "dy")).sum(); }

}  // namespace

TEST_CASE("a weight gets its gradient whether or not its input requires one") {
  Layers layers;
  for (const Layer& layer : layers.all()) {
    INFO(layer.name);
    ParameterSet parameters(layer.weights);
    const at::Tensor x = normal({5, 4}, "x");
    loss_of(layer.apply(x.clone().set_requires_grad(true))).backward();
    std::vector<at::Tensor> with_input;
    for (const Parameter* p : layer.weights) with_input.push_back(p->gradient.sum().clone());
    parameters.clear_gradients();
    parameters.dense_gradient().fill_(77.0);
    loss_of(layer.apply(x)).backward();
    for (std::size_t i = 0; i < layer.weights.size(); ++i) {
      CHECK(with_input[i].abs().max().item<double>() > 0.0);
      CHECK(at::equal(layer.weights[i]->gradient.sum(), with_input[i]));
    }
  }
}

TEST_CASE("what is frozen gets no gradient and no moments, and passes its input's gradient on unchanged") {
  Layers layers;
  for (const Layer& layer : layers.all()) {
    INFO(layer.name);
    at::Tensor x = normal({5, 4}, "x").set_requires_grad(true), frozen_x = x.detach().clone().set_requires_grad(true);
    ParameterSet parameters(layer.weights);
    loss_of(layer.apply(x)).backward();
    for (Parameter* p : layer.weights) {
      p->trainable = false;
      p->gradient = {};
    }
    ParameterSet frozen(layer.weights);
    CHECK(frozen.trained().empty());
    CHECK(frozen.dense_gradient().numel() + frozen.expert_gradient().numel() == 0);
    loss_of(layer.apply(frozen_x)).backward();
    CHECK(at::equal(frozen_x.grad(), x.grad()));
    AdamW optimizer(frozen);
    optimizer.step(frozen, {}, 1.0, testing::update_by(1.0));
    for (const Parameter* p : layer.weights) CHECK(!p->gradient.placed());
    for (const Replication each : {Replication::kWorld, Replication::kExpert}) CHECK(optimizer.moments(each).exp_avg.numel() == 0);
  }
}

TEST_CASE("a set of parameters that is not to be trained has no gradients, and nothing is recorded for it") {
  Layers layers;
  for (const Layer& layer : layers.all()) {
    INFO(layer.name);
    ParameterSet parameters(layer.weights, false);
    CHECK(!parameters.dense_gradient().defined());
    CHECK(!layer.apply(normal({5, 4}, "x")).requires_grad());
  }
}

TEST_CASE("a layer above a frozen trunk learns what it would learn above a trained one") {
  const at::Tensor ids = targets();
  const auto gradient_of_top = [&](bool trunk_is_trained) {
    Parameter table = drawn("table", {6, 4}), trunk = drawn("trunk", {4, 4}), top = drawn("top", {4, 4}), head = drawn("head", {6, 4});
    table.trainable = trunk.trainable = trunk_is_trained;
    ParameterSet parameters({&table, &trunk, &top, &head});
    const at::Tensor x = linear(embedding(ids, table, at::kDouble), trunk);
    CHECK(x.requires_grad() == trunk_is_trained);
    linear_cross_entropy(linear(x, top), ids, head, 0.2).backward();
    return std::vector<at::Tensor>{top.gradient.sum().clone(), head.gradient.sum().clone()};
  };
  const auto trained = gradient_of_top(true), frozen = gradient_of_top(false);
  for (std::size_t i = 0; i < trained.size(); ++i) {
    CHECK(frozen[i].abs().max().item<double>() > 0.0);
    CHECK(at::equal(frozen[i], trained[i]));
  }
}

TEST_CASE("the scale of the cross-entropy reaches every gradient, the head's included, in every path") {
  const auto gradients = [&](double scale, bool tied, const Numerics& numerics) {
    Parameter table = drawn("table", {6, 4}), other = drawn("other", {6, 4});
    ParameterSet parameters({&table, &other});
    linear_cross_entropy(embedding(targets(), table, at::kDouble), targets(), tied ? table : other, scale, nullptr, numerics).backward();
    parameters.close_gradients();
    return parameters.dense_gradient().clone();
  };
  const Numerics bend = {[](const at::Tensor& w) { return at::tanh(w); }, [](const at::Tensor& x) { return x * x; }};
  for (const bool tied : {false, true}) {
    for (const Numerics& numerics : {Numerics{}, bend}) {
      INFO("tied " << tied << ", numerics " << !numerics.empty());
      CHECK(relative(gradients(0.5, tied, numerics), gradients(1.0, tied, numerics) * 0.5) <= 1e-12);
      CHECK(relative(gradients(0.37, tied, numerics), gradients(1.0, tied, numerics) * 0.37) <= 1e-12);
    }
  }
}

TEST_CASE("a fused term refuses a factor that reaches it in backward, by name") {
  Parameter head = drawn("head", {6, 4});
  ParameterSet parameters({&head});
  const at::Tensor x = normal({5, 4}, "x").set_requires_grad(true);
  const auto term = [&] { return linear_cross_entropy(x, targets(), head, 1.0, nullptr, {}, "distillation"); };
  CHECK_NOTHROW((term() + term()).backward());
  std::string refusal;
  try {
    (0.5 * term()).backward();
  } catch (const std::exception& error) {
    refusal = as_error(error).what();
  }
  INFO(refusal);
  CHECK(refusal.find("term 'distillation'") != refusal.npos);
  CHECK(refusal.find("not 0.5") != refusal.npos);
}

TEST_CASE("uses are counted: a gradient is final after the last of the last micro-batch") {
  Parameter table = drawn("table", {6, 4}), matrix = drawn("matrix", {4, 4}), unused = drawn("unused", {4});
  ParameterSet parameters({&table, &matrix, &unused});
  parameters.clear_gradients();
  // {table, matrix}: what is final when backward comes by a place between them.
  std::vector<std::pair<bool, bool>> seen;
  const auto micro_batch = [&](bool last) {
    at::Tensor x = embedding(targets(), table, at::kDouble);
    x = linear(x, matrix);
    x.register_hook([&](const at::Tensor&) { seen.emplace_back(parameters.is_final(table), parameters.is_final(matrix)); });
    const at::Tensor loss = linear_cross_entropy(linear(x, matrix), targets(), table, 1.0);
    if (last) parameters.all_uses_opened();
    loss.backward();
    seen.emplace_back(parameters.is_final(table), parameters.is_final(matrix));
  };
  micro_batch(false);
  micro_batch(true);
  // The matrix is used twice, before and behind the hook; the head's use is done in forward, the embedding's last of all.
  CHECK(seen == std::vector<std::pair<bool, bool>>{{false, false}, {false, false}, {false, false}, {true, true}});
  unused.gradient.sum().fill_(3.0);  // of a step before
  CHECK(parameters.is_final(unused));
  parameters.close_gradients();
  CHECK(unused.gradient.sum().abs().max().item<double>() == 0.0);
  parameters.clear_gradients();
  CHECK(!parameters.is_final(unused));
}

TEST_CASE("what a step did not reach is zero, and a second micro-batch adds to the first") {
  Parameter matrix = drawn("matrix", {4, 4});
  ParameterSet parameters({&matrix});
  const at::Tensor x = normal({5, 4}, "x"), dy = normal({5, 4}, "dy");
  parameters.clear_gradients();
  (linear(x, matrix) * dy).sum().backward();
  const at::Tensor once = matrix.gradient.sum().clone();
  (linear(x, matrix) * dy).sum().backward();
  CHECK(relative(matrix.gradient.sum(), 2 * once) <= 1e-14);
  parameters.clear_gradients();
  // A node that is built and never reached: its use stays open, and closing the step makes it zero all the same.
  const at::Tensor dropped = linear(x, matrix);
  parameters.all_uses_opened();
  CHECK(!parameters.is_final(matrix));
  parameters.close_gradients();
  CHECK(matrix.gradient.sum().abs().max().item<double>() == 0.0);
}
