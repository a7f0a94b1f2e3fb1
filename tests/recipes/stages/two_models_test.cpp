// Two models in one process: each has a layout, an optimizer, a clip norm, a schedule and draws of its own, and trains to the bits of
// training it alone. One of them is frozen in part.
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

constexpr std::int64_t kSteps = 3;

// A model in training under a name of its own.
struct Trainee {
  Trainee(const char* name, const Layout& its_layout, const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe, std::uint64_t seed,
          const Trainable& trainable, double rate, double clip)
      : layout(its_layout), model(build_model(config, moe, layout, at::kDouble, "auto", ModelUse::kTraining, trainable)), data_seed(seed) {
    INFO(name);
    initialize(model, seed);
    options.learning_rate = rate;
    options.max_grad_norm = clip;
    options.micro_batch_size = 2;
  }

  void step(std::int64_t number) {
    options.step = number;
    const LocalBatch batch = tiny_batch(4, 8, model.config.vocab_size, data_seed + static_cast<std::uint64_t>(number));
    results.push_back(train_step(model, layout, batch, language_objective(model), options));
  }

  const Layout& layout;
  TrainModel model;
  std::uint64_t data_seed;
  StepOptions options;
  std::vector<StepResult> results;
};

DecoderConfig wider() {
  DecoderConfig config = tiny_decoder();
  config.hidden_size = 24;
  config.tie_word_embeddings = false;
  return config;
}

Trainee teacher(const Layout& layout) { return {"teacher", layout, tiny_decoder(), tiny_moe(), 5, {}, 1e-2, 0.5}; }

Trainee student(const Layout& layout) {
  const Trainable above_layer_0 = [](const Parameter& p) { return p.name.find("layers.0.") == p.name.npos && p.name.find("embed") == p.name.npos; };
  return {"student", layout, wider(), std::nullopt, 9, above_layer_0, 3e-3, 2.0};
}

void check_same(const Trainee& together, const Trainee& alone) {
  REQUIRE(together.results.size() == alone.results.size());
  for (std::size_t i = 0; i < alone.results.size(); ++i) {
    CHECK(together.results[i].terms == alone.results[i].terms);
    CHECK(together.results[i].grad_norm == alone.results[i].grad_norm);
  }
  for (std::size_t i = 0; i < alone.model.parameters.all().size(); ++i) {
    INFO(alone.model.parameters.all()[i]->name);
    CHECK(at::equal(together.model.parameters.all()[i]->value, alone.model.parameters.all()[i]->value));
  }
}

}  // namespace

TEST_CASE("two models that train by turns end with the bits of training each alone") {
  const Layout for_teacher = make_layout(alone(), 1, "teacher"), for_student = make_layout(alone(), 1, "student");
  CHECK(for_teacher.expert_group->name() != for_student.expert_group->name());
  Trainee a = teacher(for_teacher), b = student(for_student);
  for (std::int64_t number = 1; number <= kSteps; ++number) {
    a.step(number);
    b.step(number);
  }
  Trainee a_alone = teacher(alone_layout()), b_alone = student(alone_layout());
  for (std::int64_t number = 1; number <= kSteps; ++number) a_alone.step(number);
  for (std::int64_t number = 1; number <= kSteps; ++number) b_alone.step(number);
  check_same(a, a_alone);
  check_same(b, b_alone);
  CHECK(a.model.last_routing.slots().size() == 2);
  CHECK(b.model.last_routing.empty());
  // The frozen part stayed as it was drawn, and what is above it learnt.
  Trainee fresh = student(alone_layout());
  for (std::size_t i = 0; i < b.model.parameters.all().size(); ++i) {
    const Parameter& p = *b.model.parameters.all()[i];
    INFO(p.name);
    CHECK(at::equal(p.value, fresh.model.parameters.all()[i]->value) == !p.trainable);
    CHECK(p.gradient.placed() == p.trainable);
  }
  CHECK(b.model.parameters.trained().size() < b.model.parameters.all().size());
}
