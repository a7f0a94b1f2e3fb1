// The optimizer over parameters whose leaves, or slices of leaves, have had different numbers of updates.
#include "core/optim/adamw.hpp"

#include "core/base/error.hpp"
#include "core/base/random.hpp"
#include "core/kernels/adamw.hpp"
#include "core/tensor/pointers.hpp"
#include "tests/support/adamw_control.hpp"
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
    optimizer.step(parameters, kConfig, kRate, testing::update_by(kScale));
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
    const AdamW::Moments& moments = model.optimizer.moments(Replication::kWorld);
    at::Tensor value = model.weight.value.clone(), m = moments.exp_avg.clone(), v = moments.exp_avg_sq.clone();
    for (int i = 3; i < 6; ++i) {
      model.step(i);
      for (std::int64_t& count : updates) ++count;
      const kernels::AdamwStep numbers{kRate, kConfig.beta1, kConfig.beta2, kConfig.eps, kConfig.weight_decay, 0.0, 0.0, kScale};
      SLUICE_DISPATCH(type, [&] {
        kernels::reference::adamw_step(data_of<A>(value), data_of<const A>(model.weight.gradient.sum()), data_of<A>(m), data_of<A>(v), 120,
                                       updates.data(), numbers);
      });
    }
    const double tolerance = type == at::kDouble ? 1e-13 : 1e-5;
    CHECK(at::allclose(model.weight.value, value, tolerance, tolerance));
    CHECK(at::allclose(model.optimizer.moments(Replication::kWorld).exp_avg, m, tolerance, tolerance));
    CHECK(at::allclose(model.optimizer.moments(Replication::kWorld).exp_avg_sq, v, tolerance, tolerance));
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
      model.optimizer.step(model.parameters, config, rate, testing::update_by(kScale));
    }
    const AdamW::Moments& moments = model.optimizer.moments(Replication::kWorld);
    return std::vector<at::Tensor>{model.weight.value, moments.exp_avg, moments.exp_avg_sq};
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
    kernels::adamw_step(data_of<float>(value), data_of<const float>(model.weight.gradient.sum()), data_of<float>(m), data_of<float>(v), 120,
                        {kRate, kConfig.beta1, kConfig.beta2, kConfig.eps, kConfig.weight_decay, correction1, correction2, kScale});
  }
  CHECK(at::equal(model.weight.value, value));
}

namespace {

// Parameters of both classes, neighbours that are updated alike and others that are not, with gaps between some of them and leaves of
// which rows, columns or nothing is counted apart.
struct Several {
  explicit Several(at::ScalarType type)
      : norm(make("norm", {7}, type)),
        weight(make("weight", {6, 5, 4}, type, Model::leaves())),
        next(make("next", {10, 8}, type)),
        experts(make("experts", {6, 5, 4}, type, Model::leaves())),
        parameters({&norm, &weight, &experts, &next}) {
    norm.decay = false;
  }
  static Parameter make(const std::string& name, std::vector<std::int64_t> shape, at::ScalarType type, std::vector<Leaf> leaves = {}) {
    Parameter p = Parameter::make(name, std::move(shape), type, std::move(leaves));
    if (name == "experts") p.replication = Replication::kExpert;
    p.value.copy_(normal(p.value, name));
    return p;
  }
  void step(AdamW& optimizer, int number) {
    for (Parameter* p : parameters.trained()) p->gradient.sum().copy_(normal(p->gradient.sum(), p->name + std::to_string(number)));
    optimizer.step(parameters, kConfig, kRate, testing::update_by(kScale));
  }
  // Three steps, before the last of which some leaves, rows and columns begin anew.
  void train(AdamW& optimizer) {
    for (int i = 0; i < 2; ++i) step(optimizer, i);
    for (const std::size_t parameter : {1u, 2u}) {
      std::vector<UpdateCounts>& counts = optimizer.updates()[parameter];
      counts[1].restart(0, 5, {0, 3});
      counts[2].restart(1, 4, {1, 2});
      counts[4] = UpdateCounts(0);
      counts[5].restart(0, 5, {4});
    }
    step(optimizer, 2);
  }

  Parameter norm, weight, next, experts;
  ParameterSet parameters;
};

}  // namespace

TEST_CASE("two ranges that meet anywhere are updated, together, to the bits of the whole") {
  const auto both = [](const at::Tensor& left, const at::Tensor& right) { return at::cat({left, right}); };
  for (const at::ScalarType type : {at::kFloat, at::kDouble}) {
    Several whole(type);
    const Several untouched(type);
    AdamW optimizer(whole.parameters);
    whole.train(optimizer);
    const std::int64_t dense = whole.parameters.plan(Replication::kWorld).whole().end;
    const std::int64_t expert = whole.parameters.plan(Replication::kExpert).whole().end;
    for (std::int64_t middle = 0; middle <= dense; ++middle) {
      INFO("ranges that meet at " << middle);
      const std::int64_t expert_middle = std::min(middle, expert);
      Several left(type), right(type);
      AdamW first(left.parameters, {0, middle}, {0, expert_middle}), second(right.parameters, {middle, dense}, {expert_middle, expert});
      left.train(first);
      right.train(second);
      for (const Replication each : {Replication::kWorld, Replication::kExpert}) {
        const std::int64_t m = each == Replication::kWorld ? middle : expert_middle;
        const at::Tensor &a = left.parameters.buffers(each).value, &b = right.parameters.buffers(each).value;
        const at::Tensor &before = untouched.parameters.buffers(each).value, &after = whole.parameters.buffers(each).value;
        const std::int64_t n = after.numel();
        CHECK(at::equal(both(a.narrow(0, 0, m), b.narrow(0, m, n - m)), after));
        CHECK(at::equal(both(b.narrow(0, 0, m), a.narrow(0, m, n - m)), before));
        const AdamW::Moments &x = first.moments(each), &y = second.moments(each), &z = optimizer.moments(each);
        CHECK(x.exp_avg.numel() == m);
        CHECK(at::equal(both(x.exp_avg, y.exp_avg), z.exp_avg));
        CHECK(at::equal(both(x.exp_avg_sq, y.exp_avg_sq), z.exp_avg_sq));
      }
      // Everybody counts all leaves.
      CHECK((first.updates() == optimizer.updates()));
      CHECK((second.updates() == optimizer.updates()));
    }
  }
}

TEST_CASE("what does not lie in the buffers cannot be owned") {
  const Several model(at::kFloat);
  const ElementRange dense = model.parameters.plan(Replication::kWorld).whole(),
                     expert = model.parameters.plan(Replication::kExpert).whole();
  CHECK_NOTHROW(AdamW(model.parameters, dense, expert));
  CHECK_THROWS_AS(AdamW(model.parameters, {0, dense.end + 1}, expert), Error);
  CHECK_THROWS_AS(AdamW(model.parameters, dense, {expert.end, expert.end + 1}), Error);
}

TEST_CASE("what lies between parameters stays zero") {
  Several model(at::kFloat);
  AdamW optimizer(model.parameters);
  model.train(optimizer);
  for (Parameter* p : model.parameters.trained()) p->value.zero_();
  CHECK(model.parameters.buffers(Replication::kWorld).value.abs().max().item<double>() == 0.0);
  const at::Tensor& moment = optimizer.moments(Replication::kWorld).exp_avg_sq;
  const std::int64_t end = model.parameters.range_of(model.norm).end;
  CHECK(moment.narrow(0, end, model.parameters.range_of(model.weight).begin - end).abs().max().item<double>() == 0.0);
}
