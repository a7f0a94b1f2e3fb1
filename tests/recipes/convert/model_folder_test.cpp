#include "recipes/convert/model_folder.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/recipes/convert/model_writer.hpp"
#include "tests/support/catch.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

using namespace sluice;
using namespace sluice::recipes;
using checkpoint::has;
using checkpoint::SafetensorsWriter;
using checkpoint::StoredType;
using checkpoint::TemporaryFolder;
using checkpoint::TensorInfo;

namespace {

std::string complaint(const std::filesystem::path& folder) {
  return checkpoint::data_error_of([&] { open_model_folder(folder); });
}

/// Writes model.safetensors anew with one more tensor in it.
void add_tensor(const std::filesystem::path& folder, const TensorInfo& added, std::span<const std::byte> bytes) {
  const std::filesystem::path path = folder / "model.safetensors", old = folder / "old";
  std::filesystem::rename(path, old);
  const checkpoint::SafetensorsFile file(old);
  std::vector<TensorInfo> infos = {added};
  for (const auto& slot : file.header().tensors) infos.push_back(slot.info);
  SafetensorsWriter writer(path, checkpoint::plan_safetensors(infos));
  for (const auto& slot : file.header().tensors) writer.write(slot.info.name, file.bytes(slot));
  writer.write(added.name, bytes);
  writer.finish();
  std::filesystem::remove(old);
}

}  // namespace

TEST_CASE("every kind of model is written and read back, in one file and in shards") {
  for (const NamedModel& sample : model_samples())
    for (const std::uint64_t cap : {checkpoint::kDefaultShardBytes, std::uint64_t{20'000}}) {
      INFO(sample.name << ", cap " << cap);
      const TemporaryFolder folder;
      const auto written = write_model(folder.path(), sample.model, cap);
      const ModelFolder read = open_model_folder(folder.path());
      CHECK(read.config.model == sample.model);
      REQUIRE(read.tensors.size() == written.size());
      for (const auto& [name, bytes] : written) REQUIRE(std::ranges::equal(read.tensors.at(name).bytes, bytes));
      for (const CanonicalTensor& tensor : canonical_tensors(sample.model))
        REQUIRE(read.tensors.at(tensor.name).info.shape == tensor.shape);
      CHECK(read.notes.empty());
    }
}

TEST_CASE("the checkpoint of another model is refused with every difference") {
  const TemporaryFolder folder;
  ModelDescription model = sparse_sample(QkNorm::kHead, {1, 3}, moe::ScoreFunction::kSoftmax);
  write_model(folder.path(), model, checkpoint::kDefaultShardBytes);
  model.moe->num_experts = 8;
  model.moe->layers = {3};
  model.decoder.tie_word_embeddings = false;
  write_file_atomically(folder / "config.json", config_json(model));
  const std::string message = complaint(folder.path());
  INFO(message);
  CHECK(has(message, "10 missing: lm_head.weight, model.layers.1.mlp.down_proj.weight"));
  CHECK(has(message, "model.layers.3.mlp.experts.{6-7}.down_proj.weight"));
  CHECK(has(message, "19 extra: model.layers.1.mlp.experts.{0-5}.down_proj.weight"));
  CHECK(has(message, "model.layers.3.mlp.gate.weight (expected [8, 32], found [6, 32])"));
}

TEST_CASE("foreign folders may carry what Transformers leaves aside, and nothing else") {
  const TemporaryFolder folder;
  const ModelDescription model = dense_sample(QkNorm::kHead);  // tied
  const auto written = write_model(folder.path(), model, checkpoint::kDefaultShardBytes);
  auto config = nlohmann::json::parse(config_json(model));
  config.erase("sluice");
  write_file_atomically(folder / "config.json", config.dump());
  const auto& embedding = written.at("model.embed_tokens.weight");
  add_tensor(folder.path(), {"model.layers.0.self_attn.rotary_emb.inv_freq", StoredType::kF32, {8}}, checkpoint::some_bytes(32, 1));
  SECTION("a head equal to the tied embedding") {
    add_tensor(folder.path(), {"lm_head.weight", StoredType::kF32, {96, 32}}, embedding);
    const ModelFolder read = open_model_folder(folder.path());
    CHECK(read.notes.size() == 2);
    CHECK(read.tensors.count("lm_head.weight") == 0);
    CHECK(read.tensors.size() == written.size());
  }
  SECTION("a head that differs") {
    auto other = embedding;
    other[5] ^= std::byte{1};
    add_tensor(folder.path(), {"lm_head.weight", StoredType::kF32, {96, 32}}, other);
    CHECK(has(complaint(folder.path()), "tensor 'lm_head.weight' differs from 'model.embed_tokens.weight'"));
  }
  SECTION("a bias") {
    add_tensor(folder.path(), {"model.layers.0.self_attn.q_proj.bias", StoredType::kF32, {8}}, checkpoint::some_bytes(32, 1));
    CHECK(has(complaint(folder.path()), "1 extra: model.layers.0.self_attn.q_proj.bias"));
  }
  SECTION("integers for weights") {
    std::filesystem::remove(folder / "model.safetensors");
    std::vector<TensorInfo> infos;
    for (const StoredTensor& tensor : stored_tensors(model)) infos.push_back(tensor.info);
    infos[0].type = StoredType::kI32;
    const auto header = checkpoint::plan_safetensors(infos);
    SafetensorsWriter writer(folder / "model.safetensors", header);
    for (const auto& slot : header.tensors) writer.write(slot.info.name, std::vector<std::byte>(slot.bytes()));
    writer.finish();
    CHECK(has(complaint(folder.path()), "model.embed_tokens.weight (expected F32, found I32)"));
  }
}

TEST_CASE("an adapter beside the model is refused, and what its config leaves aside is noted") {
  const TemporaryFolder folder;
  const ModelDescription model = dense_sample(QkNorm::kHead);
  write_model(folder.path(), model, checkpoint::kDefaultShardBytes);
  auto config = nlohmann::json::parse(config_json(model));
  config["attention_dropout"] = 0.5;
  write_file_atomically(folder / "config.json", config.dump());
  const ModelFolder read = open_model_folder(folder.path());
  REQUIRE(read.notes.size() == 1);
  CHECK(has(read.notes[0], "'attention_dropout' 0.5 is left aside"));
  write_file_atomically(folder / "adapter_config.json", "{}");
  CHECK(has(complaint(folder.path()),
            "has an adapter (adapter_config.json), which is not read and would be missing from the model: merge it first"));
}

TEST_CASE("selection biases that we wrote as zeros must still be zero") {
  const TemporaryFolder folder;
  ModelDescription model = sparse_sample(QkNorm::kHead, {2, 3}, moe::ScoreFunction::kSigmoid);
  model.has_router_bias = true;
  write_model(folder.path(), model, checkpoint::kDefaultShardBytes);
  model.has_router_bias = false;
  write_file_atomically(folder / "config.json", config_json(model));
  CHECK(has(complaint(folder.path()), "e_score_correction_bias' is not zero"));
}

TEST_CASE("a foreign folder may leave out tensors of width 0") {
  const TemporaryFolder folder;
  const ModelDescription model = sparse_sample(QkNorm::kHead, {2, 3}, moe::ScoreFunction::kSigmoid);
  const auto written = write_model(folder.path(), model, checkpoint::kDefaultShardBytes);
  CHECK(open_model_folder(folder.path()).tensors.size() == written.size());
  std::filesystem::remove(folder / "model.safetensors");
  std::vector<TensorInfo> infos;
  for (const StoredTensor& tensor : stored_tensors(model))
    if (!has(tensor.info.name, "shared_experts")) infos.push_back(tensor.info);
  const auto header = checkpoint::plan_safetensors(infos);
  SafetensorsWriter writer(folder / "model.safetensors", header);
  for (const auto& slot : header.tensors) writer.write(slot.info.name, std::vector<std::byte>(slot.bytes()));
  writer.finish();
  CHECK(open_model_folder(folder.path()).tensors.size() == written.size());
}

TEST_CASE("stacked experts are read part by part, and must all be there") {
  const TemporaryFolder one_by_one, stacked;
  const ModelDescription model = sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSoftmax);
  const auto written = write_model(one_by_one.path(), model, checkpoint::kDefaultShardBytes);
  const auto stacks = stored_tensors(model, architecture_of(model).architecture, {"model.layers.0.mlp.experts.gate_up_proj"});
  const auto write = [&](const std::string& without) {
    std::vector<TensorInfo> infos;
    for (const StoredTensor& tensor : stacks)
      if (tensor.info.name != without) infos.push_back(tensor.info);
    SafetensorsWriter writer(stacked / "model.safetensors", checkpoint::plan_safetensors(infos));
    for (const StoredTensor& tensor : stacks) {
      if (tensor.info.name == without) continue;
      std::vector<std::byte> bytes(*checkpoint::byte_count(tensor.info.type, tensor.info.shape));
      for (const StoredPart& part : tensor.parts) std::ranges::copy(written.at(part.tensor.name), bytes.begin() + part.offset * 4);
      writer.write(tensor.info.name, bytes);
    }
    writer.finish();
  };
  write_file_atomically(stacked / "config.json", config_json(model));
  write("");
  const ModelFolder folder = open_model_folder(stacked.path());
  CHECK(folder.tensors.size() == written.size());
  for (const auto& [name, bytes] : written) {
    INFO(name);
    CHECK(std::ranges::equal(folder.tensors.at(name).bytes, bytes));
    CHECK(folder.tensors.at(name).info.name == name);
  }
  std::filesystem::remove(stacked / "model.safetensors");
  write("model.layers.2.mlp.experts.down_proj");
  CHECK(has(complaint(stacked.path()), "1 missing: model.layers.2.mlp.experts.down_proj"));
}

TEST_CASE("missing files are named") {
  const TemporaryFolder folder;
  CHECK(has(complaint(folder.path()), "config.json: cannot be read"));
  const ModelDescription model = sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSoftmax);
  write_file_atomically(folder / "config.json", config_json(model));
  CHECK(has(complaint(folder.path()), "no model.safetensors"));
}
