// The optimizer over parameters whose leaves, or slices of leaves, have had different numbers of updates.
#include "core/optim/adamw.hpp"

#include "core/base/random.hpp"
#include "core/kernels/adamw.hpp"
#include "core/tensor/pointers.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;

namespace {

constexpr AdamWConfig kConfig{0.9, 0.999, 1e-8, 0.1};
constexpr double kRate = 1e-2, kScale = 0.7;

at::Tensor normal(const at::Tensor& like, const std::string& name) {
  at::Tensor out = at::empty_like(like);
  SLUICE_DISPATCH(out.scalar_type(), [&] {
    for (std::int64_t i = 0; i < out.numel(); ++i)
      data_of<A>(out)[i] = static_cast<A>(random_normal(random_key(8, name), static_cast<std::uint64_t>(i)));
  });
  return out;
}

// A parameter like that of a layer's experts, [6, 5, 4] in six leaves of which rows, columns or nothing is counted apart.
struct Model {
  explicit Model(at::ScalarType type)
      : weight(Parameter::make("w", {6, 5, 4}, type, leaves())), parameters({&weight}), optimizer(parameters) {
    weight.value.copy_(normal(weight.value, "value"));
  }
  static std::vector<Leaf> leaves() {
    std::vector<Leaf> leaves;
    for (std::int64_t i = 0; i < 6; ++i) leaves.push_back({"w." + std::to_string(i), 20 * i, {5, 4}});
    return leaves;
  }
  void step(int number) {
    weight.gradient.sum().copy_(normal(weight.gradient.sum(), "gradient" + std::to_string(number)));
    optimizer.step(parameters, kConfig, kRate, kScale);
  }

  Parameter weight;
  ParameterSet parameters;
  AdamW optimizer;
};

}  // namespace

TEST_CASE("leaves and slices with counts of their own step like elements with counts of their own") {
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    Model model(type);
    for (int i = 0; i < 3; ++i) model.step(i);
    std::vector<UpdateCounts>& counts = model.optimizer.updates()[0];
    counts[2].restart(0, 5, {1, 4});
    counts[3].restart(1, 4, {0, 2});
    counts[5] = UpdateCounts(0);
    std::vector<std::int64_t> updates(120, 3);
    for (std::int64_t i = 0; i < 20; ++i) {
      if (i / 4 == 1 || i / 4 == 4) updates[static_cast<std::size_t>(40 + i)] = 0;
      if (i % 4 == 0 || i % 4 == 2) updates[static_cast<std::size_t>(60 + i)] = 0;
      updates[static_cast<std::size_t>(100 + i)] = 0;
    }
    const AdamW::Moments& moments = model.optimizer.moments()[0];
    at::Tensor value = model.weight.value.clone(), m = moments.exp_avg.clone(), v = moments.exp_avg_sq.clone();
    for (int i = 3; i < 6; ++i) {
      model.step(i);
      for (std::int64_t& count : updates) ++count;
      const kernels::AdamwStep numbers{kRate, kConfig.beta1, kConfig.beta2, kConfig.eps, kConfig.weight_decay, 0.0, 0.0, kScale};
      SLUICE_DISPATCH(type, [&] {
        kernels::reference::adamw_step(data_of<A>(value), data_of<const A>(model.weight.gradient.sum()), data_of<A>(m), data_of<A>(v), 120, updates.data(),
                                       numbers);
      });
    }
    const double tolerance = type == at::kDouble ? 1e-13 : 1e-5;
    CHECK(at::allclose(model.weight.value, value, tolerance, tolerance));
    CHECK(at::allclose(model.optimizer.moments()[0].exp_avg, m, tolerance, tolerance));
    CHECK(at::allclose(model.optimizer.moments()[0].exp_avg_sq, v, tolerance, tolerance));
    CHECK(counts[0] == UpdateCounts(6));
    CHECK(counts[3] == UpdateCounts(1, {3, 6, 3, 6}));
    CHECK(model.optimizer.steps() == 6);
  }
}

TEST_CASE("a rate group's factor multiplies the learning rate, and with it the decay; the moments know nothing of it") {
  const auto after = [](RateGroup group, double rate, const AdamWConfig& config) {
    Model model(at::kDouble);
    model.weight.rate_group = group;
    for (int i = 0; i < 3; ++i) {
      model.weight.gradient.sum().copy_(normal(model.weight.gradient.sum(), "gradient" + std::to_string(i)));
      model.optimizer.step(model.parameters, config, rate, kScale);
    }
    return std::vector<at::Tensor>{model.weight.value, model.optimizer.moments()[0].exp_avg, model.optimizer.moments()[0].exp_avg_sq};
  };
  AdamWConfig config = kConfig;
  config.router_rate_factor = 0.5;
  config.expert_rate_factor = 0.0;
  const auto other = after(RateGroup::kOther, kRate, config), router = after(RateGroup::kRouter, kRate, config);
  const auto half = after(RateGroup::kOther, kRate * 0.5, config), expert = after(RateGroup::kExpert, kRate, config);
  CHECK(at::equal(router[0], half[0]));
  CHECK(!at::equal(other[0], half[0]));
  CHECK(at::equal(expert[0], Model(at::kDouble).weight.value));
  for (const std::size_t moment : {1u, 2u}) {
    CHECK(at::equal(router[moment], other[moment]));
    CHECK(at::equal(expert[moment], other[moment]));
  }
}

TEST_CASE("leaves of one count are one range: the bits are those of one step over all of it") {
  Model model(at::kFloat);
  at::Tensor value = model.weight.value.clone(), m = at::zeros_like(value), v = at::zeros_like(value);
  for (int i = 0; i < 3; ++i) {
    model.step(i);
    const double correction1 = 1.0 - std::pow(kConfig.beta1, i + 1), correction2 = 1.0 - std::pow(kConfig.beta2, i + 1);
    kernels::adamw_step(data_of<float>(value), data_of<const float>(model.weight.gradient.sum()), data_of<float>(m), data_of<float>(v), 120, kRate,
                        kConfig.beta1, kConfig.beta2, kConfig.eps, kConfig.weight_decay, correction1, correction2, kScale);
  }
  CHECK(at::equal(model.weight.value, value));
}
