#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "core/base/error.hpp"
#include "launch/commands/commands.hpp"
#include "recipes/run/receipts.hpp"
#include "tests/launch/commands/checkpoint_writer.hpp"
#include "tests/support/catch.hpp"
#include "tests/support/files_and_output.hpp"

using namespace sluice;
using namespace sluice::testing;
using nlohmann::json;
using recipes::ModelDescription;

namespace {

constexpr const char* kExpert = "model.layers.1.mlp.experts.3.down_proj.weight";

ModelDescription sample(const std::string& name) {
  for (const recipes::NamedModel& model : recipes::model_samples())
    if (model.name == name) return model.model;
  throw std::runtime_error("no sample " + name);
}

struct Output {
  int code = 0;
  std::string out, err;
};

Output inspect(const InspectOptions& options) {
  Output result;
  result.err = captured(2, [&] { result.out = captured(1, [&] { result.code = inspect_command(options); }); });
  return result;
}

Output inspect(const std::filesystem::path& model) { return inspect(InspectOptions{model.string(), "", false}); }

json inspect_json(const std::filesystem::path& model, int code = 0) {
  const Output result = inspect({model.string(), "", true});
  CHECK(result.code == code);
  return json::parse(result.out);
}

json diff_json(const std::filesystem::path& a, const std::filesystem::path& b) {
  const Output result = inspect({a.string(), b.string(), true});
  CHECK(result.code == 0);
  return json::parse(result.out);
}

std::string refusal(const std::filesystem::path& model, const std::string& diff = "") {
  std::string message;
  captured(2, [&] { captured(1, [&] { message = message_of<Error>([&] { inspect_command({model.string(), diff, true}); }); }); });
  return message;
}

}  // namespace

TEST_CASE("inspect shows a Hugging Face folder: architecture, parameters, every tensor") {
  const TemporaryDirectory folder;
  const ModelDescription model = sample("mixtral");
  recipes::write_model(folder.path(), model, checkpoint::kDefaultShardBytes);
  const json shown = inspect_json(folder.path());
  CHECK(shown["architecture"] == "MixtralForCausalLM");
  CHECK(shown["loadable"] == true);
  CHECK(shown["parameters"] == recipes::count_parameters(model).total);
  CHECK(shown["active_parameters"] == recipes::count_parameters(model).active);
  CHECK(shown["checksums"] == "none");
  CHECK(shown["config"]["num_local_experts"] == 6);
  CHECK_FALSE(shown.contains("step"));
  // The names of its files.
  CHECK(shown["tensors"].size() == recipes::stored_tensors(model).size());
  const json& expert = shown["tensors"]["model.layers.1.block_sparse_moe.experts.3.w2.weight"];
  CHECK(expert["dtype"] == "F32");
  CHECK(expert["shape"] == json({32, 24}));

  const Output text = inspect(folder.path());
  CHECK(text.code == 0);
  CHECK(contains(text.out, "MixtralForCausalLM (mixtral)"));
  CHECK(contains(text.out, "6 of width 24, top-2 by softmax scores, in 4 layers"));
  const std::string name = "\n  model.layers.{0-3}.block_sparse_moe.experts.{0-5}.w2.weight";
  REQUIRE(contains(text.out, name));
  const std::size_t end = text.out.find('\n', text.out.find(name) + 1);
  CHECK(text.out.substr(0, end).ends_with("  F32  [32, 24]"));
}

TEST_CASE("inspect says why a model has no architecture") {
  const TemporaryDirectory folder;
  recipes::write_model(folder.path(), sample("families"), checkpoint::kDefaultShardBytes);
  const json shown = inspect_json(folder.path());
  CHECK(shown["architecture"].is_null());
  CHECK(contains(shown["architecture_reason"].get<std::string>(), "families of 2 experts"));
  CHECK(contains(inspect(folder.path()).out, "families of 2"));
}

TEST_CASE("inspect shows a run: checksums, state, receipts; damage is told and an earlier checkpoint taken") {
  const TemporaryDirectory folder;
  const std::filesystem::path run = folder.path() / "run";
  write_checkpoint(run, sample("qwen3"), 100, "dense");
  const std::filesystem::path last = write_checkpoint(run, sample("qwen3_moe"), 200, "sparse");
  recipes::Receipt receipt;
  receipt.stage = "sparse";
  receipt.step = 100;
  receipt.conversion = moe::ConversionKind::kSparsifyCopy;
  receipt.exact = true;
  receipt.loss_before = receipt.loss_after = 3.25;
  recipes::ReceiptLog(last / "state" / "receipts.jsonl", 200).settle({receipt});
  // Of the run, whose next conversion came after this checkpoint.
  recipes::ReceiptLog of_the_run(run / "receipts.jsonl", 200);
  of_the_run.settle({receipt});
  receipt.step = 200;
  receipt.conversion = moe::ConversionKind::kGrowFamily;
  of_the_run.settle({receipt});

  json shown = inspect_json(run);
  CHECK(shown["step"] == 200);
  CHECK(shown["stage"] == "sparse");
  CHECK(shown["architecture"] == "Qwen3MoeForCausalLM");
  CHECK(shown["checksums"] == "verified");
  CHECK(shown["tensors"][kExpert]["xxh3_128"].get<std::string>().size() == 32);
  CHECK(shown["state"]["run"]["step"] == 200);
  CHECK(shown["state"]["optimizer"]["exp_avg_sq/model.norm.weight"]["shape"] == json({32}));
  CHECK(shown["state"]["optimizer"]["exp_avg_sq/model.norm.weight"].contains("xxh3_128"));
  REQUIRE(shown["receipts"].size() == 1);
  CHECK(shown["receipts"][0]["kind"] == "sparsify");
  const Output text = inspect(run);
  CHECK(contains(text.out, "step-00000200 (step 200)"));
  CHECK(contains(text.out, "stage 'sparse': sparsify by copy, exact: loss 3.250000 -> 3.250000"));
  CHECK(contains(text.out, "exp_avg "));
  CHECK(inspect_json(run.string() + "@100")["architecture"] == "Qwen3ForCausalLM");
  CHECK_FALSE(inspect_json(run.string() + "@100").contains("receipts"));
  CHECK(inspect_json(last)["receipts"].size() == 1);  // found from the checkpoint
  const std::filesystem::path moved = folder.path() / "moved";
  std::filesystem::copy(last, moved, std::filesystem::copy_options::recursive);
  CHECK(inspect_json(moved)["receipts"] == shown["receipts"]);

  const float value = 1e6f;
  overwrite_tensor(last / "model.safetensors", kExpert, 8, &value, sizeof value);
  const Output damaged = inspect(run);
  CHECK(damaged.code == 0);
  CHECK(contains(damaged.err, kExpert));
  CHECK(contains(damaged.err, "expected checksum"));
  CHECK(contains(damaged.out, "step-00000100 (step 100)"));
  CHECK(inspect_json(run)["warnings"].size() == 1);
  CHECK(contains(refusal(last), kExpert));
  CHECK(contains(refusal(run.string() + "@200"), "expected checksum"));
  CHECK(contains(refusal(run, last.string()), "expected checksum"));
}

TEST_CASE("inspect beside a run that goes on shows a whole checkpoint each time") {
  const TemporaryDirectory folder;
  const std::filesystem::path run = folder.path() / "run";
  constexpr std::int64_t kRotations = 12;  // fewer than the tries of a reader
  write_checkpoint(run, sample("llama"), 1, "dense");
  std::thread writer([&] {
    for (std::int64_t step = 2; step <= kRotations; ++step) {
      write_checkpoint(run, sample("llama"), step, "dense");
      checkpoint::prune_checkpoints(run / "checkpoints", 1);
    }
  });
  std::int64_t last = 0;
  std::string problem;
  while (last < kRotations && problem.empty()) {
    Output result;
    problem = message_of<std::exception>([&] { result = inspect({run.string(), "", true}); }) + result.err;
    if (!problem.empty()) break;
    const json shown = json::parse(result.out);
    const std::int64_t step = shown["step"];
    if (step < last || shown["state"]["run"]["step"] != step || !shown["state"].contains("optimizer")) problem = result.out;
    last = step;
  }
  writer.join();
  CHECK(problem == "");
}

TEST_CASE("inspect shows what it can of a folder that is no model of ours, and ends with exit code 3") {
  const TemporaryDirectory folder;
  recipes::write_model(folder.path(), sample("qwen3"), checkpoint::kDefaultShardBytes);
  SECTION("another architecture") {
    write_text(folder.path() / "config.json", R"({"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]})");
    const json shown = inspect_json(folder.path(), 3);
    CHECK(shown["architecture"].is_null());
    CHECK(contains(shown["architecture_reason"].get<std::string>(), "gpt2"));
    CHECK(shown["tensors"].contains("model.norm.weight"));
    CHECK_FALSE(shown.contains("parameters"));
    const Output text = inspect(folder.path());
    CHECK(text.code == 3);
    CHECK(contains(text.err, "gpt2"));
    CHECK(contains(text.out, "model.layers.{0-3}.mlp.down_proj.weight"));
  }
  SECTION("a layer too few") {
    ModelDescription deeper = sample("qwen3");
    deeper.decoder.num_layers = 5;
    write_file_atomically(folder.path() / "config.json", recipes::config_json(deeper));
    const json shown = inspect_json(folder.path(), 3);
    CHECK(shown["loadable"] == false);
    CHECK(contains(shown["problem"].get<std::string>(), "model.layers.4.mlp.down_proj.weight"));
    CHECK(shown["architecture"] == "Qwen3ForCausalLM");
  }
  SECTION("damaged files") {
    write_text(folder.path() / "config.json", "{");
    CHECK(contains(refusal(folder.path()), "not JSON"));
    write_text(folder.path() / "model.safetensors", "short");
    write_file_atomically(folder.path() / "config.json", recipes::config_json(sample("qwen3")));
    CHECK(contains(refusal(folder.path()), "model.safetensors"));
  }
  CHECK(contains(refusal(folder.path() / "absent"), "no such run, checkpoint or folder"));
}

TEST_CASE("inspect warns of a tokenizer that cannot be read as it is") {
  const TemporaryDirectory folder;
  recipes::write_model(folder.path(), sample("qwen3"), checkpoint::kDefaultShardBytes);
  const std::filesystem::path tokenizer = folder.path() / "tokenizer.json";
  write_text(tokenizer, "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n");
  for (const bool as_json : {false, true}) {
    const Output shown = inspect({folder.path().string(), "", as_json});
    CHECK(shown.code == 0);
    CHECK(contains(shown.err, "tokenizer.json: a Git LFS pointer, not JSON: git lfs pull"));
  }
  write_text(tokenizer, "{");
  CHECK(contains(inspect(folder.path()).err, "tokenizer.json: damaged: not JSON"));
  std::filesystem::remove(tokenizer);
  std::filesystem::create_symlink(".git/annex/objects/x", tokenizer);
  CHECK(contains(inspect(folder.path()).err, "which is not there: git annex get"));
  std::filesystem::remove(tokenizer);
  write_text(tokenizer, "{}");
  CHECK(inspect(folder.path()).err.empty());
}

TEST_CASE("two checkpoints of the same values are identical, however they are cut and named") {
  const TemporaryDirectory folder;
  const ModelDescription model = sample("qwen3_moe");
  const std::filesystem::path run = folder.path() / "run";
  write_checkpoint(run, model, 7, "a");
  write_checkpoint(run, model, 8, "b");
  recipes::write_model(folder.path() / "shards", model, 20000);
  REQUIRE(std::filesystem::exists(folder.path() / "shards" / "model.safetensors.index.json"));
  const json same = diff_json(run.string() + "@7", run.string() + "@8");
  CHECK(same["identical"] == true);
  CHECK(same["max_relative_difference"] == 0.0);
  CHECK(same["tensors"].size() == recipes::canonical_tensors(model).size());
  CHECK(same["optimizer"]["identical"] == true);
  CHECK(same["optimizer"]["tensors"].size() == 2 * recipes::canonical_tensors(model).size());
  const json shards = diff_json(run, folder.path() / "shards");
  CHECK(shards["identical"] == true);
  CHECK_FALSE(shards.contains("optimizer"));  // only one has it
  CHECK(contains(inspect({run.string(), (folder.path() / "shards").string(), false}).out, "model: identical"));
  // The same weights under Mixtral's names and, of a model that differs in its norms alone, under canonical ones.
  recipes::write_model(folder.path() / "mixtral", sample("mixtral"), 20000);
  const json renamed = diff_json(folder.path() / "mixtral", folder.path() / "shards");
  CHECK(renamed["tensors"][kExpert]["identical"] == true);
  CHECK(renamed["missing"] == json::array({"lm_head.weight"}));
  CHECK(renamed["extra"].size() == 8);  // q_norm and k_norm of each layer
  CHECK(renamed["identical"] == false);
}

TEST_CASE("differences are measured per tensor, the largest is told, optimizer state apart") {
  const TemporaryDirectory folder;
  const ModelDescription model = sample("qwen3_moe");
  const std::filesystem::path a = folder.path() / "a", b = folder.path() / "b", c = folder.path() / "c";
  const auto bytes = recipes::write_model(a, model, checkpoint::kDefaultShardBytes);
  recipes::write_model(b, model, checkpoint::kDefaultShardBytes);
  std::vector<float> values(bytes.at(kExpert).size() / sizeof(float));
  std::memcpy(values.data(), bytes.at(kExpert).data(), bytes.at(kExpert).size());
  double largest = 0;
  for (const float value : values) largest = std::max<double>(largest, std::abs(value));
  const float changed = values[5] + 0.25f;
  overwrite_tensor(b / "model.safetensors", kExpert, 5 * sizeof(float), &changed, sizeof changed);
  const float tiny = 1.0f + 1e-6f;
  overwrite_tensor(b / "model.safetensors", "model.norm.weight", 0, &tiny, sizeof tiny);

  const json difference = diff_json(a, b);
  const double expected = (static_cast<double>(changed) - values[5]) / largest;
  CHECK(difference["identical"] == false);
  CHECK(difference["max_relative_difference"].get<double>() == expected);
  CHECK(difference["tensors"][kExpert]["max_relative_difference"].get<double>() == expected);
  CHECK(difference["tensors"][kExpert]["max_abs_difference"].get<double>() == static_cast<double>(changed) - values[5]);
  CHECK(difference["tensors"]["model.norm.weight"]["identical"] == false);
  CHECK(difference["tensors"]["model.embed_tokens.weight"]["identical"] == true);
  CHECK(difference["missing"].empty());
  const Output text = inspect({a.string(), b.string(), false});
  CHECK(contains(text.out, std::string("(") + kExpert + ")"));
  CHECK(text.out.find(kExpert) < text.out.find("model.norm.weight"));
  CHECK_FALSE(contains(text.out, "model.embed_tokens.weight"));

  // A NaN is no number that a script could take for a small one.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  overwrite_tensor(b / "model.safetensors", kExpert, 0, &nan, sizeof nan);
  CHECK(diff_json(a, b)["max_relative_difference"].is_null());

  ModelDescription wider = model;
  wider.moe->num_experts = 8;
  recipes::write_model(c, wider, checkpoint::kDefaultShardBytes);
  const json grown = diff_json(a, c);
  CHECK(grown["extra"].size() == 2 * 3 * 4);
  CHECK(grown["misshaped"]["model.layers.0.mlp.gate.weight"]["b"]["shape"] == json({8, 32}));
  CHECK_FALSE(grown["tensors"].contains("model.layers.0.mlp.gate.weight"));
  CHECK(contains(inspect({a.string(), c.string(), false}).out, "model.layers.{0-3}.mlp.experts.{6-7}.down_proj.weight"));

  const std::filesystem::path run = folder.path() / "run";
  write_checkpoint(run, model, 1, "s");
  const std::filesystem::path second = write_checkpoint(run, model, 2, "s");
  const float moment = 100.0f;
  overwrite_tensor(second / "state" / "optimizer.safetensors", "exp_avg/model.norm.weight", 0, &moment, sizeof moment);
  std::filesystem::remove(second / "manifest.json");
  write_file_atomically(second / "manifest.json", to_json(manifest_of(second, 2, "s")));
  const json state = diff_json(run.string() + "@1", run.string() + "@2");
  CHECK(state["identical"] == false);
  CHECK(state["max_relative_difference"] == 0.0);  // of the model
  CHECK(state["optimizer"]["identical"] == false);
  CHECK(state["optimizer"]["max_relative_difference"].get<double>() > 1.0);
  CHECK(state["optimizer"]["tensors"]["exp_avg/model.norm.weight"]["identical"] == false);
}
