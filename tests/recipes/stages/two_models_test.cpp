// Two models in one process: each has a name, and by it a layout, an optimizer, a clip norm, a schedule, draws and a folder of its own, and
// trains to the bits of training it alone. One of them is frozen in part.
#include "core/checkpoint/verify.hpp"
#include "data/load_tokenizer.hpp"
#include "recipes/convert/model_folder.hpp"
#include "recipes/stages/model_io.hpp"
#include "recipes/stages/save_checkpoint.hpp"
#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

#include <map>
#include <string>
#include <vector>

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

constexpr std::int64_t kSteps = 3;

// A model in training under a name of its own.
struct Trainee {
  Trainee(const Layout& its_layout, const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe, std::uint64_t seed,
          const Trainable& trainable, double rate, double clip)
      : layout(its_layout),
        model(build_model(config, moe, layout, at::kDouble, parallel::ExchangeKind::kAuto, ModelUse::kTraining, trainable)),
        data_seed(seed) {
    INFO(model.name);
    initialize(model, seed);
    options.learning_rate = rate;
    options.max_grad_norm = clip;
    options.micro_batch_size = 2;
  }

  void step(std::int64_t number) {
    options.step = number;
    const LocalBatch batch = tiny_batch(4, 8, model.config.vocab_size, data_seed + static_cast<std::uint64_t>(number));
    results.push_back(finished(model, train_step(model, layout, batch, language_objective(model), options), layout));
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

Trainee teacher(const Layout& layout) { return {layout, tiny_decoder(), tiny_moe(), 9, {}, 1e-2, 0.5}; }

Trainee student(const Layout& layout) {
  const Trainable above_layer_0 = [](const Parameter& p) {
    return p.name.find("layers.0.") == p.name.npos && p.name.find("embed") == p.name.npos;
  };
  return {layout, wider(), std::nullopt, 9, above_layer_0, 3e-3, 2.0};
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

RunState state_of(Trainee& trainee, std::int64_t step) {
  RunState state;
  state.step = step;
  state.stage_name = "both";
  collect_updates(trainee.model, trainee.layout, state);
  describe_routing(trainee.model, state);
  return state;
}

// As a checkpoint's folder of its name holds it, optimizer included.
void load(Trainee& trainee, const std::filesystem::path& checkpoint) {
  const std::filesystem::path folder = checkpoint / trainee.model.name;
  load_weights(trainee.model, open_model_folder(folder));
  const std::string file = (folder / "state" / "run.json").string();
  load_state(trainee.model, folder, parse_run_state(read_file(file), file));
}

const Layout& layout_of(const std::string& name) {
  static std::map<std::string, Layout> layouts;
  if (layouts.count(name) == 0) layouts.emplace(name, make_layout(alone(), 1, name));
  return layouts.at(name);
}

}  // namespace

TEST_CASE("two models that train by turns end with the bits of training each alone, also from a checkpoint of both") {
  const checkpoint::TemporaryFolder temporary;
  const Layout &for_teacher = layout_of("teacher"), &for_student = layout_of("student");
  CHECK(for_teacher.expert_group->name() != for_student.expert_group->name());
  CHECK(for_teacher.world->name() != for_student.world->name());
  const data::TokenizerPtr tokenizer = data::make_bytes_tokenizer();
  Trainee a = teacher(for_teacher), b = student(for_student);
  std::filesystem::path saved;
  for (std::int64_t number = 1; number <= kSteps; ++number) {
    a.step(number);
    b.step(number);
    if (number == 1)
      saved = save_checkpoint(alone(), {{a.model, a.layout, state_of(a, 1)}, {b.model, b.layout, state_of(b, 1)}},
                              {temporary.path(), tokenizer.get(), 3, "", [] {}});
  }
  Trainee a_alone = teacher(for_teacher), b_alone = student(for_student);
  for (std::int64_t number = 1; number <= kSteps; ++number) a_alone.step(number);
  for (std::int64_t number = 1; number <= kSteps; ++number) b_alone.step(number);
  check_same(a, a_alone);
  check_same(b, b_alone);
  CHECK(a.model.last_routing.slots().size() == 2);
  CHECK(b.model.last_routing.empty());

  // Each goes on from its folder of the one checkpoint, with the same bits.
  CHECK(checkpoint::verify_checkpoint(saved, checkpoint::read_manifest(saved), checkpoint::VerifyDepth::kEverything).empty());
  Trainee a_later = teacher(for_teacher), b_later = student(for_student);
  for (Trainee* later : {&a_later, &b_later}) {
    load(*later, saved);
    later->results.push_back((later == &a_later ? a : b).results.front());
    for (std::int64_t number = 2; number <= kSteps; ++number) later->step(number);
  }
  check_same(a_later, a);
  check_same(b_later, b);

  // The frozen part stayed as it was drawn, and what is above it learnt.
  Trainee fresh = student(for_student);
  for (std::size_t i = 0; i < b.model.parameters.all().size(); ++i) {
    const Parameter& p = *b.model.parameters.all()[i];
    INFO(p.name);
    CHECK(at::equal(p.value, fresh.model.parameters.all()[i]->value) == !p.trainable);
    CHECK(p.gradient.placed() == p.trainable);
  }
  CHECK(b.model.parameters.trained().size() < b.model.parameters.all().size());
}

TEST_CASE("models of one seed are drawn by their names") {
  const Trainee a = teacher(layout_of("teacher")), same = teacher(layout_of("teacher")), other = teacher(layout_of("student")),
                only = teacher(alone_layout());
  const auto head = [](const Trainee& of) { return of.model.parameters.all().front()->value; };
  CHECK(at::equal(head(a), head(same)));
  CHECK(!at::equal(head(a), head(other)));
  CHECK(!at::equal(head(a), head(only)));
}

TEST_CASE("a frozen mixture costs no backward pass: only what is above it is recorded") {
  const auto recorded = [](const Trainable& trainable) {
    TrainModel model =
        build_model(tiny_decoder(), tiny_moe(), alone_layout(), at::kDouble, parallel::ExchangeKind::kFlat, ModelUse::kTraining, trainable);
    initialize(model, 5);
    const ModelInput input = make_input(tiny_batch(2, 8, model.config.vocab_size), 0, 2, at::kCPU);
    return model.decoder->forward(input.batch, nullptr, {1, "forward"}).hidden.requires_grad();
  };
  CHECK(recorded({}));
  CHECK(!recorded([](const Parameter&) { return false; }));
  CHECK(recorded([](const Parameter& p) { return p.name.find("experts") != p.name.npos; }));
  CHECK(recorded([](const Parameter& p) { return p.name.find("layers.0.mlp.gate") != p.name.npos; }));
}

TEST_CASE("a frozen router goes on choosing as it does, and one that is trained has its bias moved") {
  moe::MoeConfig moe = tiny_moe();
  moe.bias_update_rate = 0.5;
  const Trainable above_layer_0 = [](const Parameter& p) { return p.name.find("layers.0.") == p.name.npos; };
  TrainModel model =
      build_model(tiny_decoder(), moe, alone_layout(), at::kDouble, parallel::ExchangeKind::kAuto, ModelUse::kTraining, above_layer_0);
  initialize(model, 5);
  StepOptions options;
  options.step = 1;
  options.learning_rate = 1e-2;
  train_step(model, alone_layout(), tiny_batch(4, 8, model.config.vocab_size), language_objective(model), options);
  CHECK(model.sparse[0]->router.correction_bias.abs().max().item<double>() == 0.0);
  CHECK(model.sparse[1]->router.correction_bias.abs().max().item<double>() > 0.0);
}
