// The seams of a training step: what update rules are given, and where gradients and updates can be transformed.
#include "recipes/stages/step_hooks.hpp"

#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <map>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

const char* const kChosen = "model.layers.1.mlp.experts.2.down_proj.weight";

at::Tensor value_of(TrainModel& model, const std::string& name) {
  for (const LeafView& view : leaves_of(model))
    if (view.leaf.name == name) return view.value;
  FAIL("no leaf " << name);
  return {};
}

StepOptions options() {
  StepOptions o;
  o.step = 7;
  o.learning_rate = 0.01;
  o.adamw.weight_decay = 0.0;
  return o;
}

}  // namespace

TEST_CASE("update rules see the counts of the whole step, after the optimizer") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  TrainModel model = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble);
  const at::Tensor start = model.decoder->embedding.value.clone();
  int calls = 0;
  model.rules.push_back([&](const StepStatistics& statistics) {
    ++calls;
    CHECK(!model.decoder->embedding.value.equal(start));
    REQUIRE(statistics.size() == 2);
    // Two micro-batches of 2 sequences of 8 tokens, top-2.
    for (const char* slot : {"layers.0.feed_forward", "layers.1.feed_forward"})
      CHECK(statistics.at(counts_name(slot)).sum().item<std::int64_t>() == 4 * 8 * 2);
  });
  StepOptions o = options();
  o.micro_batch_size = 2;
  step_of(model, batch, o);
  CHECK(calls == 1);
}

TEST_CASE("a gradient's transform comes before the norm, by the leaf's global name") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  TrainModel plain = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble), hooked = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble);
  StepOptions o = options();
  const double norm = gradients_of(plain, batch, o).grad_norm;
  const at::Tensor before = value_of(hooked, kChosen).clone();
  double chosen_norm = 0.0;
  o.hooks.gradient = [&](const std::string& leaf, std::int64_t step, at::Tensor gradient) {
    CHECK(step == 7);
    if (leaf != kChosen) return;
    chosen_norm = gradient.norm().item<double>();
    gradient.zero_();
  };
  const double hooked_norm = step_of(hooked, batch, o).grad_norm;
  REQUIRE(chosen_norm > 0);
  CHECK(hooked_norm * hooked_norm == Approx(norm * norm - chosen_norm * chosen_norm).epsilon(1e-12));
  CHECK(value_of(hooked, kChosen).equal(before));
}

TEST_CASE("an update's transform changes what the optimizer did") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  TrainModel plain = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble), hooked = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble);
  const at::Tensor before = value_of(plain, kChosen).clone();
  StepOptions o = options();
  step_of(plain, batch, o);
  o.hooks.update = [](const std::string& leaf, std::int64_t, at::Tensor update) {
    if (leaf == kChosen) update.mul_(3.0);
  };
  step_of(hooked, batch, o);
  const at::Tensor expected = before + 3.0 * (value_of(plain, kChosen) - before);
  CHECK(at::allclose(value_of(hooked, kChosen), expected, 1e-12, 1e-14));
  CHECK(at::allclose(hooked.decoder->embedding.value, plain.decoder->embedding.value, 1e-12, 1e-14));
  // Products see the transformed value.
  CHECK(hooked.decoder->embedding.compute.is_same(hooked.decoder->embedding.value));
}

TEST_CASE("router rows, routed experts and all else each follow their own factor of the learning rate") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  const auto updates = [&](double router, double expert) {
    moe::MoeConfig moe = tiny_moe();
    moe.family_size = 2;
    moe.num_shared_experts = 1;
    TrainModel model = tiny_model(tiny_decoder(), moe, at::kDouble);
    std::map<std::string, at::Tensor> changes;
    for (const LeafView& view : leaves_of(model)) changes[view.leaf.name] = view.value.clone();
    StepOptions o = options();
    o.adamw.router_rate_factor = router;
    o.adamw.expert_rate_factor = expert;
    step_of(model, batch, o);
    for (const LeafView& view : leaves_of(model)) changes[view.leaf.name] = view.value - changes[view.leaf.name];
    return changes;
  };
  const auto plain = updates(1.0, 1.0), scaled = updates(0.25, 2.0);
  std::map<double, int> leaves;
  for (const auto& [name, update] : plain) {
    const bool router = name.find("mlp.gate.weight") != std::string::npos || name.find("family_gate.weight") != std::string::npos;
    const double factor = router ? 0.25 : name.find(".experts.") != std::string::npos ? 2.0 : 1.0;
    INFO(name);
    CHECK(at::allclose(scaled.at(name), update * factor, 1e-9, 1e-15));
    ++leaves[factor];
  }
  CHECK(leaves[0.25] == 2 * 2);
  CHECK(leaves[2.0] == 2 * 4 * 3);
}

namespace {

// A term that is a number.
class NumberTerm : public Term {
 public:
  NumberTerm(double coefficient, std::int64_t count, double sum) : Term("number", coefficient), count_(count), sum_(sum) {}
  std::int64_t count(const StepCounts&) const override { return count_; }
  at::Tensor share(const Pass&, const TermScale& scale, StepReport& report) override {
    report.add(name(), at::full({}, sum_, at::kDouble));
    return scale.times(at::full({}, sum_, at::kDouble));
  }
  double divisor(const StepCounts&) const override { return 1.0; }

 private:
  std::int64_t count_;
  double sum_;
};

struct Number {
  double coefficient;
  std::int64_t count;
  double sum;
};

at::Tensor share_of(const std::vector<Number>& numbers) {
  Objective objective;
  for (const Number& n : numbers) objective.terms.push_back(std::make_unique<NumberTerm>(n.coefficient, n.count, n.sum));
  TrainModel model = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  const ModelInput input = make_input(tiny_batch(1, 8, model.config.vocab_size), 0, 1, at::kCPU);
  StepReport report({"number"});
  return objective_share(objective, {input, {}, {}, {}}, report);
}

// The mean square of what the head sees, which autograd differentiates.
class SquareTerm : public Term {
 public:
  explicit SquareTerm(double coefficient) : Term("square", coefficient) {}
  std::int64_t count(const StepCounts& totals) const override { return totals.tokens; }
  at::Tensor share(const Pass& pass, const TermScale& scale, StepReport& report) override {
    const at::Tensor sum = pass.output.hidden.square().sum();
    report.add(name(), sum);
    return scale.times(sum);
  }
  double divisor(const StepCounts& totals) const override { return static_cast<double>(totals.tokens); }
};

}  // namespace

TEST_CASE("a term without a count is nothing, the others are coefficient times sum over count") {
  CHECK(!share_of({}).defined());
  CHECK(!share_of({{1.0, 0, 5.0}}).defined());
  CHECK(share_of({{1.0, 4, 8.0}, {0.5, 0, 100.0}, {0.25, 2, 6.0}}).item<double>() == Approx(2.75));
}

TEST_CASE("a stage's own term enters the gradient and the report by its name, and no file of the step knows it") {
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  TrainModel model = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble);
  const auto gradients = [&](double coefficient) {
    Objective objective = language_objective(model);
    if (coefficient != 0.0) objective.terms.push_back(std::make_unique<SquareTerm>(coefficient));
    StepOptions two;
    two.micro_batch_size = 2;
    const StepResult result = finished(model, compute_gradients(model, alone_layout(), batch, objective, two));
    CHECK(result.terms.contains("square") == (coefficient != 0.0));
    std::vector<at::Tensor> all;
    for (const Parameter* p : model.parameters.trained()) all.push_back(p->gradient.sum().clone());
    return all;
  };
  const auto plain = gradients(0.0), half = gradients(0.5), whole = gradients(1.0);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    INFO(model.parameters.trained()[i]->name);
    const at::Tensor of_half = half[i] - plain[i], of_whole = whole[i] - plain[i];
    const double largest = whole[i].abs().max().item<double>();
    CHECK((of_half - 0.5 * of_whole).abs().max().item<double>() <= 1e-12 * largest);
  }
  CHECK((whole[0] - plain[0]).abs().max().item<double>() > 0.0);
}

TEST_CASE("a step trains by whatever terms its stage has, and by none") {
  TrainModel model = tiny_model(tiny_decoder(), tiny_moe(), at::kDouble);
  const LocalBatch batch = tiny_batch(4, 8, tiny_decoder().vocab_size);
  StepOptions options;
  options.learning_rate = 1e-2;
  options.micro_batch_size = 2;
  options.adamw.weight_decay = 0.0;
  Objective alone_in_it;
  alone_in_it.terms.push_back(std::make_unique<SquareTerm>(1.0));
  options.step = 1;
  const double before = finished(model, train_step(model, alone_layout(), batch, alone_in_it, options)).terms.at("square");
  options.step = 2;
  CHECK(finished(model, train_step(model, alone_layout(), batch, alone_in_it, options)).terms.at("square") < before);
  const StepResult nothing = finished(model, compute_gradients(model, alone_layout(), batch, Objective{}, options));
  CHECK(nothing.grad_norm == 0.0);
  CHECK(nothing.terms.empty());
}

TEST_CASE("what is not finite is told by the name of its term") {
  TrainModel model = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  Objective objective;
  objective.terms.push_back(std::make_unique<SquareTerm>(1.0));
  model.parameters.trained().front()->value.fill_(std::numeric_limits<double>::infinity());
  StepOptions options;
  std::string told;
  try {
    finished(model, train_step(model, alone_layout(), tiny_batch(2, 8, tiny_decoder().vocab_size), objective, options));
  } catch (const Error& error) {
    told = error.what();
  }
  CHECK(told.find("the square is") != std::string::npos);
}
