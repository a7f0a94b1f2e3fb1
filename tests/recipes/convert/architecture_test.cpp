#include "recipes/convert/architecture.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>

using namespace sluice;
using namespace sluice::recipes;

TEST_CASE("each kind of model has its architecture, or a reason for none") {
  for (const NamedModel& sample : model_samples()) {
    INFO(sample.name);
    const ArchitectureChoice choice = architecture_of(sample.model);
    CHECK((choice.architecture ? model_type_of(*choice.architecture) : "") == sample.model_type);
    CHECK(choice.reason.empty() == (choice.architecture != nullptr));
  }
  for (const Architecture* architecture : architectures()) CHECK(find_architecture(model_type_of(*architecture)) == architecture);
  CHECK(find_architecture("gpt2") == nullptr);
}

TEST_CASE("what no architecture computes has none, and the reason names it") {
  using Change = std::function<void(ModelDescription&)>;
  const auto reason = [](ModelDescription model, const Change& change) {
    change(model);
    const ArchitectureChoice choice = architecture_of(model);
    CHECK(!choice.architecture);
    return choice.reason;
  };
  const ModelDescription mixtral = sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSoftmax);
  const ModelDescription qwen = sparse_sample(QkNorm::kHead, {0, 1, 2, 3}, moe::ScoreFunction::kSoftmax);
  const ModelDescription glm = sparse_sample(QkNorm::kHead, {1, 2, 3}, moe::ScoreFunction::kSigmoid);
  using checkpoint::has;
  CHECK(has(reason(mixtral, [](auto& m) { m.moe->norm_topk_prob = false; }), "renormalis"));
  CHECK(has(reason(mixtral, [](auto& m) { m.moe->layers = {1, 2, 3}; }), "in Mixtral every layer is sparse"));
  CHECK(has(reason(qwen, [](auto& m) { m.moe->bias_update_rate = 1e-3; }), "selection bias"));
  CHECK(has(reason(qwen, [](auto& m) { m.has_router_bias = true; }), "selection bias"));
  CHECK(has(reason(qwen, [](auto& m) { m.moe->num_shared_experts = 1; }), "shared experts"));
  CHECK(has(reason(qwen, [](auto& m) { m.moe->routed_scaling_factor = 2; }), "routed_scaling_factor 2"));
  CHECK(has(reason(qwen, [](auto& m) { m.moe->capacity_factor = 1.25; }), "capacity_factor 1.25"));
  CHECK(has(reason(qwen, [](auto& m) { m.moe->family_size = 2; }), "families of 2"));
  CHECK(has(reason(qwen, [](auto& m) { m.decoder.qk_norm = QkNorm::kProjection; }), "projection"));
  CHECK(has(reason(glm, [](auto& m) { m.moe->layers = {0, 2, 3}; }), "dense layers only at the beginning"));
  CHECK(has(reason(glm, [](auto& m) { m.moe->layers = {0, 1, 2}; }), "dense layers only at the beginning"));
  CHECK(has(reason(dense_sample(QkNorm::kNone), [](auto& m) { m.decoder.num_attention_heads = 6; }),
            "num_attention_heads(6) to divide hidden_size(32)"));
  CHECK(has(reason(dense_sample(QkNorm::kProjection), [](auto&) {}), "no dense architecture"));
  CHECK(has(reason(glm, [](auto& m) { m.decoder.qk_norm = QkNorm::kProjection; }), "Glm4Moe has them by head"));
  CHECK(has(reason(qwen, [](auto& m) { m.decoder.qk_norm = QkNorm::kProjection, m.moe->layers = {1, 2}; }),
            "OLMoE has them, in which every layer"));
}

TEST_CASE("Glm4Moe has selection biases and shared experts, zeros and of width 0 where the model has none") {
  ModelDescription model = sparse_sample(QkNorm::kHead, {2, 3}, moe::ScoreFunction::kSigmoid);
  model.dtype = DType::kBFloat16;
  const auto only_stored = [&] {
    std::map<std::string, std::string> found;
    for (const StoredTensor& tensor : stored_tensors(model))
      if (tensor.parts.empty())
        found[tensor.info.name] = fmt::format("{}{}", name_of(tensor.info.type), checkpoint::to_string(tensor.info.shape));
    return found;
  };
  const std::map<std::string, std::string> biases = {{"model.layers.2.mlp.gate.e_score_correction_bias", "F32[6]"},
                                                     {"model.layers.3.mlp.gate.e_score_correction_bias", "F32[6]"}};
  std::map<std::string, std::string> all = biases;
  for (const char* layer : {"2", "3"}) {
    const std::string prefix = fmt::format("model.layers.{}.mlp.shared_experts.", layer);
    all[prefix + "gate_proj.weight"] = all[prefix + "up_proj.weight"] = "BF16[0, 32]";
    all[prefix + "down_proj.weight"] = "BF16[32, 0]";
  }
  CHECK(only_stored() == all);
  model.moe->num_shared_experts = 1;
  CHECK(only_stored() == biases);
  model.moe->bias_update_rate = 1e-3;
  CHECK(only_stored().empty());
}

TEST_CASE("no two tensors of a folder have one name, and each is one of ours") {
  for (const NamedModel& sample : model_samples()) {
    INFO(sample.name);
    std::set<std::string> stored, ours;
    for (const StoredTensor& tensor : stored_tensors(sample.model)) {
      CHECK(stored.insert(tensor.info.name).second);
      for (const StoredPart& part : tensor.parts) {
        CHECK(ours.insert(part.tensor.name).second);
        CHECK(part.offset == 0);
      }
    }
    std::set<std::string> expected;
    for (const CanonicalTensor& tensor : canonical_tensors(sample.model)) expected.insert(tensor.name);
    CHECK(ours == expected);
  }
}

TEST_CASE("Mixtral's names are its own") {
  std::map<std::string, std::string> names;
  for (const StoredTensor& tensor : stored_tensors(sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSoftmax)))
    names[tensor.parts.front().tensor.name] = tensor.info.name;
  CHECK(names.at("model.layers.3.mlp.gate.weight") == "model.layers.3.block_sparse_moe.gate.weight");
  CHECK(names.at("model.layers.3.mlp.experts.5.gate_proj.weight") == "model.layers.3.block_sparse_moe.experts.5.w1.weight");
  CHECK(names.at("model.layers.3.mlp.experts.5.up_proj.weight") == "model.layers.3.block_sparse_moe.experts.5.w3.weight");
  CHECK(names.at("model.layers.3.mlp.experts.5.down_proj.weight") == "model.layers.3.block_sparse_moe.experts.5.w2.weight");
  CHECK(names.at("model.layers.3.self_attn.q_proj.weight") == "model.layers.3.self_attn.q_proj.weight");
}

TEST_CASE("stacked experts are ours part by part") {
  const ModelDescription model = sparse_sample(QkNorm::kNone, {0, 1, 2, 3}, moe::ScoreFunction::kSoftmax);
  const std::vector<StoredTensor> stored =
      stored_tensors(model, &*architecture_of(model).architecture, {"model.layers.0.mlp.experts.gate_up_proj"});
  const auto find = [&](const std::string& name) {
    const auto found = std::find_if(stored.begin(), stored.end(), [&](const StoredTensor& each) { return each.info.name == name; });
    REQUIRE(found != stored.end());
    return *found;
  };
  const std::int64_t matrix = 24 * 32;
  const StoredTensor in = find("model.layers.2.mlp.experts.gate_up_proj"), out = find("model.layers.2.mlp.experts.down_proj");
  CHECK(in.info.shape == checkpoint::Shape{6, 48, 32});
  CHECK(out.info.shape == checkpoint::Shape{6, 32, 24});
  REQUIRE(in.parts.size() == 12);
  REQUIRE(out.parts.size() == 6);
  std::set<std::int64_t> offsets;
  for (const StoredPart& part : in.parts) {
    CHECK(offsets.insert(part.offset).second);
    CHECK(part.offset == (2 * part.tensor.id.expert + (part.tensor.id.kind == TensorKind::kUp)) * matrix);
  }
  for (const StoredPart& part : out.parts) CHECK(part.offset == part.tensor.id.expert * matrix);
  CHECK(find("model.layers.2.mlp.gate.weight").parts.size() == 1);  // as Transformers 5 writes it then
}

TEST_CASE("only what Transformers leaves aside is left aside") {
  const ModelDescription tied = dense_sample(QkNorm::kHead), untied = dense_sample(QkNorm::kNone);
  const auto reason = [](const ModelDescription& model, const char* type, const char* name) {
    return left_aside(model, *find_architecture(type), name).reason;
  };
  CHECK(!reason(untied, "llama", "model.layers.0.self_attn.rotary_emb.inv_freq").empty());
  CHECK(reason(untied, "llama", "lm_head.weight").empty());
  CHECK(!reason(tied, "qwen3", "lm_head.weight").empty());
  CHECK(left_aside(tied, *find_architecture("qwen3"), "lm_head.weight").is_tied_head);
  CHECK(!reason(tied, "glm4_moe", "model.layers.4.eh_proj.weight").empty());
  CHECK(reason(tied, "glm4_moe", "model.layers.40.eh_proj.weight").empty());
  CHECK(reason(tied, "qwen3", "model.layers.4.eh_proj.weight").empty());
  CHECK(reason(tied, "qwen3", "model.layers.0.self_attn.q_proj.bias").empty());
}
