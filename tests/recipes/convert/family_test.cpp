#include "recipes/convert/family.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/support/catch.hpp"

#include <fmt/format.h>

#include <map>
#include <string>

using namespace sluice;
using namespace sluice::recipes;

TEST_CASE("each kind of model has its architecture, or a reason for none") {
  for (const NamedModel& sample : model_samples()) {
    INFO(sample.name);
    const ArchitectureChoice choice = architecture_of(sample.model);
    CHECK((choice.architecture ? model_type_of(*choice.architecture) : "") == sample.model_type);
    CHECK(choice.reason.empty() == choice.architecture.has_value());
  }
  for (const Architecture architecture : kArchitectures) CHECK(parse_model_type(model_type_of(architecture)) == architecture);
  CHECK(!parse_model_type("olmoe"));
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
}

TEST_CASE("Glm4Moe has selection biases and shared experts, zeros and of width 0 where the model has none") {
  ModelDescription model = sparse_sample(QkNorm::kHead, {2, 3}, moe::ScoreFunction::kSigmoid);
  model.dtype = DType::kBFloat16;
  const auto only_stored = [&] {
    std::map<std::string, std::string> found;
    for (const StoredTensor& tensor : stored_tensors(model))
      if (!tensor.source) found[tensor.info.name] = fmt::format("{}{}", name_of(tensor.info.type), checkpoint::to_string(tensor.info.shape));
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
