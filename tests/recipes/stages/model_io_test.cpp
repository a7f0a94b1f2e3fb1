// Weights of a folder, and the state of a checkpoint, in a model in training.
#include "recipes/stages/model_io.hpp"

#include "data/load_tokenizer.hpp"
#include "recipes/stages/convert_model.hpp"
#include "recipes/stages/save_checkpoint.hpp"
#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/recipes/convert/model_writer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/tiny_model.hpp"

using namespace sluice;
using namespace sluice::recipes;
using namespace sluice::testing;

namespace {

// The folder's model in a run whose recipe does not update selection biases.
TrainModel load_without_update(const ModelFolder& folder) {
  moe::MoeConfig settings = *folder.config.model.moe;
  settings.bias_update_rate = 0.0;
  TrainModel model = build_model(folder.config.model.decoder, settings, alone_layout(), at::kFloat);
  load_weights(model, folder);
  return model;
}

void train(TrainModel& model, std::int64_t first_step, std::int64_t steps) {
  StepOptions options;
  options.learning_rate = 1e-2;
  for (options.step = first_step; options.step < first_step + steps; ++options.step)
    step_of(model, tiny_batch(4, 8, model.config.vocab_size, static_cast<std::uint64_t>(options.step)), options);
}

std::filesystem::path save(TrainModel& model, const std::filesystem::path& checkpoints, RunState& state) {
  const data::TokenizerPtr tokenizer = data::make_bytes_tokenizer();
  collect_updates(model, alone_layout(), state);
  describe_routing(model, state);
  return save_checkpoint(alone(), {{model, alone_layout(), state}}, {checkpoints, tokenizer.get(), 3, "", [] {}});
}

TrainModel load(const std::filesystem::path& checkpoint, const RunState& then) {
  const ModelFolder folder = open_model_folder(checkpoint);
  TrainModel model = build_model(folder.config.model.decoder, folder.config.model.moe, alone_layout(), at::kDouble);
  load_weights(model, folder);
  load_state(model, checkpoint, then);
  return model;
}

RunState saved_state(const std::filesystem::path& checkpoint) {
  const std::string file = (checkpoint / "state" / "run.json").string();
  return parse_run_state(read_file(file), file);
}

void check_equal(TrainModel& a, TrainModel& b) {
  const LeafStore left = leaves_of(a), right = leaves_of(b);
  REQUIRE(left.size() == right.size());
  for (std::size_t i = 0; i < left.size(); ++i) {
    INFO(left[i].leaf.name);
    CHECK(at::equal(left[i].value, right[i].value));
    CHECK(at::equal(left[i].exp_avg_sq, right[i].exp_avg_sq));
    CHECK(*left[i].updates == *right[i].updates);
  }
}

// Steps of Adam behind it, four experts with and without hidden units drawn anew.
TrainModel partly_fresh() {
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train(dense, 1, 3);
  moe::MoeConfig moe = tiny_moe();
  moe.expert_hidden_size = dense.config.intermediate_size;
  const moe::Conversion shape{moe::ConversionKind::kSparsifyCopy, dense.config, std::nullopt, moe, 1.0};
  TrainModel sparse = convert_model(dense, shape, alone_layout(), parallel::ExchangeKind::kAuto, 21, true);
  perturb_experts(sparse, 0.0, 0.5, 2, 21);
  train(sparse, 4, 1);
  return sparse;
}

}  // namespace

TEST_CASE("counts of updates are saved where they are no steps of the optimizer, and training goes on with the same bits") {
  const checkpoint::TemporaryFolder temporary;
  TrainModel model = partly_fresh();
  RunState state;
  state.step = 4;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  const std::map<std::string, std::int64_t> routers = {{"model.layers.0.mlp.gate.weight", 1}, {"model.layers.1.mlp.gate.weight", 1}};
  CHECK(state.leaf_updates == routers);
  CHECK(state.slice_updates.size() == 2 * 2 * 3);
  CHECK(state.slice_updates.at("model.layers.1.mlp.experts.3.down_proj.weight") == 1);
  CHECK(saved_state(folder) == state);
  TrainModel loaded = load(folder, saved_state(folder));
  CHECK(loaded.optimizer.steps() == 4);
  check_equal(loaded, model);
  train(model, 5, 2);
  train(loaded, 5, 2);
  check_equal(loaded, model);

  state.slice_updates["model.layers.1.mlp.experts.2.down_proj.weight"] = 1;
  state.slice_updates.erase("model.layers.1.mlp.experts.3.down_proj.weight");
  const auto refusal = [&] { return checkpoint::data_error_of([&] { load(folder, state); }); };
  CHECK(checkpoint::has(refusal(),
                        "1 missing: updates/model.layers.1.mlp.experts.2.down_proj.weight; "
                        "1 extra: updates/model.layers.1.mlp.experts.3.down_proj.weight"));
  state.slice_updates["model.layers.1.mlp.experts.2.down_proj.weight"] = 2;
  CHECK(refusal() == "updates of model.layers.1.mlp.experts.2.down_proj.weight are told along dimension 2, it has 2");
}

TEST_CASE("each tensor of a checkpoint is the leaf of its name, and each leaf loaded is the tensor of its name") {
  const checkpoint::TemporaryFolder temporary;
  TrainModel model = build_model(tiny_decoder(), tiny_moe(), alone_layout(), at::kBFloat16);
  // Drawn by the leaf's name: no two leaves, nor a leaf's value and moments, have numbers in common.
  const auto numbers = [](const LeafView& view, const std::string& kind) {
    at::Tensor values = at::empty(view.leaf.shape, at::kFloat);
    fill_normal(values, 5, kind + view.leaf.name, 1.0);
    return values;
  };
  for (const LeafView& view : leaves_of(model)) {
    view.value.copy_(numbers(view, "value"));
    view.exp_avg.copy_(numbers(view, "exp_avg"));
    view.exp_avg_sq.copy_(numbers(view, "exp_avg_sq"));
    *view.updates = UpdateCounts(static_cast<std::int64_t>(view.leaf.name.size()));
  }
  model.optimizer.set_steps(1);
  RunState state;
  state.step = 1;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  const ModelFolder weights = open_model_folder(folder);
  const auto optimizer = checkpoint::TensorIndex::open(folder / "state", "optimizer");
  TrainModel loaded = build_model(tiny_decoder(), tiny_moe(), alone_layout(), at::kBFloat16);
  load_weights(loaded, weights);
  for (const LeafView& view : leaves_of(loaded)) {
    INFO(view.leaf.name);
    CHECK(at::equal(view.value, numbers(view, "value").to(at::kBFloat16).to(at::kFloat)));
    CHECK(at::equal(to_tensor(optimizer.at("master/" + view.leaf.name)), numbers(view, "value")));
    CHECK(at::equal(to_tensor(optimizer.at("exp_avg/" + view.leaf.name)), numbers(view, "exp_avg")));
    CHECK(at::equal(to_tensor(optimizer.at("exp_avg_sq/" + view.leaf.name)), numbers(view, "exp_avg_sq")));
  }
  load_state(loaded, folder, saved_state(folder));
  for (const LeafView& view : leaves_of(loaded)) {
    INFO(view.leaf.name);
    CHECK(at::equal(view.value, numbers(view, "value")));
    CHECK(at::equal(view.exp_avg, numbers(view, "exp_avg")));
    CHECK(at::equal(view.exp_avg_sq, numbers(view, "exp_avg_sq")));
    CHECK(*view.updates == UpdateCounts(static_cast<std::int64_t>(view.leaf.name.size())));
  }
}

TEST_CASE("a rank that owns part of the buffers loads its part of the state, and refuses to save or to convert") {
  const checkpoint::TemporaryFolder temporary;
  TrainModel model = partly_fresh();
  RunState state;
  state.step = 4;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  const ModelFolder opened = open_model_folder(folder);
  TrainModel part = build_model(opened.config.model.decoder, opened.config.model.moe, alone_layout(), at::kDouble);
  const ElementRange dense{501, 2003}, expert{77, 1234};
  part.optimizer = AdamW(part.parameters, dense, expert);
  load_state(part, folder, saved_state(folder));
  for (const Replication each : {Replication::kWorld, Replication::kExpert}) {
    const ElementRange& range = each == Replication::kWorld ? dense : expert;
    const AdamW::Moments &mine = part.optimizer.moments(each), &all = model.optimizer.moments(each);
    CHECK(at::equal(mine.exp_avg, all.exp_avg.narrow(0, range.begin, range.count())));
    CHECK(at::equal(mine.exp_avg_sq, all.exp_avg_sq.narrow(0, range.begin, range.count())));
  }
  CHECK((part.optimizer.updates() == model.optimizer.updates()));
  CHECK_THROWS_AS(save(part, temporary.path(), state), Error);
  CHECK_THROWS_AS(initialize(part, 3), Error);
}

TEST_CASE("a checkpoint without counts of updates gives every leaf the steps of the optimizer") {
  const checkpoint::TemporaryFolder temporary;
  TrainModel model = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  train(model, 1, 3);
  RunState state;
  state.step = 3;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  std::string text = read_file(folder / "state" / "run.json");
  for (const char* line : {" \"leaf_updates\": {},\n", " \"slice_updates\": {},\n", " \"frozen\": [],\n"}) {
    const std::size_t at = text.find(line);
    REQUIRE(at != std::string::npos);
    text.erase(at, std::string(line).size());
  }
  TrainModel loaded = load(folder, parse_run_state(text, "run.json"));
  for (const LeafView& view : leaves_of(loaded)) CHECK(*view.updates == UpdateCounts(3));
  train(model, 4, 2);
  train(loaded, 4, 2);
  check_equal(loaded, model);
}

TEST_CASE("the state alone makes products of a dense bfloat16 model see its masters") {
  const checkpoint::TemporaryFolder temporary;
  TrainModel model = tiny_model(tiny_decoder(), std::nullopt, at::kBFloat16);
  train(model, 1, 2);
  RunState state;
  state.step = 2;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  TrainModel loaded = build_model(model.config, std::nullopt, alone_layout(), at::kBFloat16);
  load_state(loaded, folder, saved_state(folder));
  for (std::size_t i = 0; i < model.parameters.all().size(); ++i)
    CHECK(at::equal(loaded.parameters.all()[i]->compute, model.parameters.all()[i]->compute));
}

TEST_CASE("of what is frozen a checkpoint holds the weights alone; training goes on with the same bits") {
  const checkpoint::TemporaryFolder temporary;
  const Trainable above = [](const Parameter& p) {
    return p.name.find("layers.0") == p.name.npos && p.name.find("experts") == p.name.npos;
  };
  for (const at::ScalarType type : {at::kDouble, at::kBFloat16}) {
    TrainModel model =
        build_model(tiny_decoder(), tiny_moe(), alone_layout(), type, parallel::ExchangeKind::kAuto, ModelUse::kTraining, above);
    initialize(model, 11);
    const at::Tensor frozen_before = model.sparse[0]->experts.down.value.clone(),
                     trained_before = model.sparse[1]->router.gate.value.clone();
    train(model, 1, 3);
    CHECK(at::equal(model.sparse[0]->experts.down.value, frozen_before));
    CHECK(!at::equal(model.sparse[1]->router.gate.value, trained_before));
    RunState state;
    state.step = type == at::kDouble ? 3 : 4;
    const std::filesystem::path folder = save(model, temporary.path(), state);
    CHECK(state.frozen.contains("model.layers.1.mlp.experts.3.up_proj.weight"));
    CHECK(!state.frozen.contains("model.layers.1.mlp.gate.weight"));
    CHECK(saved_state(folder) == state);
    const auto stored = checkpoint::TensorIndex::open(folder / "state", "optimizer");
    CHECK(!stored.contains("exp_avg/model.layers.0.mlp.gate.weight"));
    CHECK(stored.contains("master/model.layers.0.mlp.gate.weight") == (type == at::kBFloat16));  // norms are never rounded
    CHECK(stored.contains("exp_avg/model.layers.1.mlp.gate.weight"));
    const ModelFolder opened = open_model_folder(folder);
    const auto load_again = [&](const Trainable& trainable) {
      TrainModel loaded = build_model(opened.config.model.decoder, opened.config.model.moe, alone_layout(), type,
                                      parallel::ExchangeKind::kAuto, ModelUse::kTraining, trainable);
      load_weights(loaded, opened);
      load_state(loaded, folder, saved_state(folder));
      return loaded;
    };
    TrainModel loaded = load_again(above), thawed = load_again({});
    train(model, 4, 2);
    train(loaded, 4, 2);
    for (std::size_t i = 0; i < model.parameters.all().size(); ++i) {
      CHECK(at::equal(loaded.parameters.all()[i]->value, model.parameters.all()[i]->value));
      CHECK(at::equal(loaded.parameters.all()[i]->compute, model.parameters.all()[i]->compute));
    }
    // What is trained from now on begins without moments; the rest goes on with its own.
    const LeafStore views = leaves_of(thawed);
    for (const LeafView& view : views) {
      const bool fresh = state.frozen.contains(view.leaf.name);
      INFO(view.leaf.name);
      CHECK(*view.updates == UpdateCounts(fresh ? 0 : 3));
      CHECK((view.exp_avg_sq.abs().max().item<double>() == 0.0) == fresh);
    }
  }
}

TEST_CASE("what experts were made of, and the choices last looked at, come back with the state") {
  const checkpoint::TemporaryFolder temporary;
  TrainModel model = partly_fresh();
  REQUIRE(model.origin);
  RunState state;
  state.step = 4;
  std::filesystem::path folder = save(model, temporary.path(), state);
  CHECK(!load(folder, saved_state(folder)).held_choices.defined());
  model.held_choices = at::arange(24, at::kLong).view({6, 2, 2});
  state.step = 5;
  folder = save(model, temporary.path(), state);
  const TrainModel loaded = load(folder, saved_state(folder));
  CHECK(at::equal(loaded.held_choices, model.held_choices));
  REQUIRE(loaded.origin);
  CHECK(loaded.origin->shard_of_expert == model.origin->shard_of_expert);
  for (const std::size_t i : {0u, 1u}) {
    CHECK(at::equal(loaded.origin->layers[i].gate_up, model.origin->layers[i].gate_up));
    CHECK(at::equal(loaded.origin->layers[i].down, model.origin->layers[i].down));
  }
  // A run that begins with its weights takes along what they were made of.
  const ModelFolder opened = open_model_folder(folder);
  TrainModel begun = build_model(opened.config.model.decoder, opened.config.model.moe, alone_layout(), at::kDouble);
  load_weights(begun, opened);
  load_origin(begun, opened.index.folder());
  REQUIRE(begun.origin);
  CHECK(at::equal(begun.origin->layers[1].down, model.origin->layers[1].down));
  CHECK(!begun.held_choices.defined());
  // One whose shards are not there.
  const DenseOrigin good = *model.origin;
  for (const std::vector<std::int64_t>& bad : {std::vector<std::int64_t>(good.shard_of_expert.size(), good.layers[0].down.size(0)),
                                               std::vector<std::int64_t>(good.shard_of_expert.size() + 1, 0)}) {
    model.origin->shard_of_expert = bad;
    folder = save(model, temporary.path(), state);
    const std::string refusal = checkpoint::data_error_of([&] { load(folder, saved_state(folder)); });
    CHECK(refusal.find("origin/shards names") != std::string::npos);
  }
  // A checkpoint that lacks them, as those of earlier versions do.
  model.origin.reset();
  model.held_choices = at::Tensor();
  state.step = 6;
  folder = save(model, temporary.path(), state);
  CHECK(!load(folder, saved_state(folder)).origin);
}

TEST_CASE("state that names sparse slots by the number of their layer, as earlier versions wrote it, loads") {
  const checkpoint::TemporaryFolder temporary;
  moe::MoeConfig moe = tiny_moe();
  moe.bias_update_rate = 0.5;
  TrainModel dense = tiny_model(tiny_decoder(), std::nullopt, at::kDouble);
  moe.expert_hidden_size = dense.config.intermediate_size;
  TrainModel model = convert_model(dense, {moe::ConversionKind::kSparsifyCopy, dense.config, std::nullopt, moe, 1.0}, alone_layout(),
                                   parallel::ExchangeKind::kAuto, 21, true);
  train(model, 1, 1);
  REQUIRE(model.origin);
  RunState state;
  state.step = 1;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  {
    const auto now = checkpoint::TensorIndex::open(folder / "state", "routing");
    const auto earlier = [](std::string name) {
      const std::string path = "layers.", rest = ".feed_forward";
      if (const std::size_t at = name.find(path); at != name.npos) name = name.erase(at, path.size()).erase(name.find(rest), rest.size());
      return name;
    };
    std::vector<checkpoint::TensorInfo> infos;
    for (const auto& [name, view] : now.tensors()) infos.push_back({earlier(name), view.info.type, view.info.shape});
    checkpoint::SafetensorsWriter writer(temporary / "earlier", checkpoint::plan_safetensors(infos));
    for (const auto& [name, view] : now.tensors()) writer.write(earlier(name), view.bytes);
    writer.finish();
  }
  std::filesystem::rename(temporary / "earlier", folder / "state" / "routing.safetensors");
  CHECK(checkpoint::TensorIndex::open(folder / "state", "routing").contains("child_counts/1"));
  const TrainModel loaded = load(folder, saved_state(folder));
  for (const std::size_t i : {0u, 1u}) {
    CHECK(at::equal(loaded.sparse[i]->router.correction_bias, model.sparse[i]->router.correction_bias));
    CHECK(at::equal(loaded.last_routing.slots()[i].rows, model.last_routing.slots()[i].rows));
    CHECK(at::equal(loaded.origin->layers[i].down, model.origin->layers[i].down));
  }
}

TEST_CASE("a run that began with whole bias steps for softmax scores keeps them, up to its next conversion") {
  const checkpoint::TemporaryFolder temporary;
  moe::MoeConfig moe = tiny_moe();
  moe.bias_update_rate = 0.5;
  TrainModel model = tiny_model(tiny_decoder(), moe, at::kDouble);
  train(model, 1, 1);
  const auto largest = [](const TrainModel& of) { return of.sparse.front()->router.correction_bias.abs().max().item<double>(); };
  CHECK(largest(model) == 0.125);  // rate / 4 rows
  RunState state;
  state.step = 1;
  const std::filesystem::path folder = save(model, temporary.path(), state);
  TrainModel same = load(folder, saved_state(folder));
  train(model, 2, 1);
  train(same, 2, 1);
  CHECK(at::equal(same.sparse.front()->router.correction_bias, model.sparse.front()->router.correction_bias));

  std::string text = read_file(folder / "state" / "run.json");
  const std::string line = " \"bias_by_rows\": true,\n";
  REQUIRE(text.find(line) != std::string::npos);
  text.erase(text.find(line), line.size());
  TrainModel old = load(folder, parse_run_state(text, "run.json"));
  train(old, 2, 1);
  CHECK(largest(old) >= 0.375);
  RunState again;
  again.step = 2;
  CHECK(!saved_state(save(old, temporary.path(), again)).bias_by_rows);
  moe::MoeConfig wide = moe;
  wide.num_experts = 8;
  wide.family_size = 2;
  TrainModel grown = convert_model(old, {moe::ConversionKind::kGrowFamily, old.config, moe, wide, 1.0}, alone_layout(),
                                   parallel::ExchangeKind::kAuto, 3, true);
  CHECK(grown.sparse.front()->router.bias_step() == 0.125);
}

TEST_CASE("a learned selection bias stays when nothing updates it any more") {
  const checkpoint::TemporaryFolder temporary;
  ModelDescription description = sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSigmoid);
  description.moe->bias_update_rate = 1e-3;
  write_model(temporary.path(), description, checkpoint::kDefaultShardBytes);
  const ModelFolder folder = open_model_folder(temporary.path());
  TrainModel model = load_without_update(folder);
  for (std::size_t i = 0; i < model.sparse.size(); ++i) {
    const moe::Router& router = model.sparse[i]->router;
    CHECK(router.has_bias());
    const std::string name = "model.layers." + std::to_string(i) + ".mlp.gate.e_score_correction_bias";
    CHECK(at::equal(router.correction_bias, to_tensor(folder.tensors.at(name))));
    CHECK(router.correction_bias.abs().min().item<double>() > 0.0);
  }
  CHECK(describe(model, -1).router_bias());  // and so it is in the next checkpoint
  CHECK(routing_state(model).count("correction_bias/layers.2.feed_forward") == 1);
}

TEST_CASE("a folder without a selection bias gives none") {
  const checkpoint::TemporaryFolder temporary;
  // Glm4Moe's own tensor is there all the same, as zeros.
  write_model(temporary.path(), sparse_sample(QkNorm::kHead, {2, 3}, moe::ScoreFunction::kSigmoid), checkpoint::kDefaultShardBytes);
  TrainModel model = load_without_update(open_model_folder(temporary.path()));
  CHECK(!model.sparse.front()->router.has_bias());
  CHECK(!describe(model, -1).router_bias());
}

TEST_CASE("a model is described alike before and after it was saved and loaded") {
  moe::MoeConfig moe = tiny_moe();
  moe.bias_update_rate = 1e-3;
  TrainModel model = tiny_model(tiny_decoder(), moe, at::kFloat);
  const ModelDescription fresh = describe(model, -1);
  CHECK(fresh.has_router_bias);
  model.sparse.front()->router.bias_loaded = true;
  CHECK(describe(model, -1) == fresh);
}
