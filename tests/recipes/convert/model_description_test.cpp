#include "recipes/convert/model_description.hpp"

#include "tests/core/checkpoint/checkpoint_fixtures.hpp"
#include "tests/recipes/convert/model_samples.hpp"
#include "tests/support/catch.hpp"

#include <map>
#include <set>
#include <tuple>

using namespace sluice;
using namespace sluice::recipes;
using checkpoint::Shape;

namespace {

std::map<std::string, CanonicalTensor> by_name(const ModelDescription& model) {
  std::map<std::string, CanonicalTensor> tensors;
  for (CanonicalTensor& tensor : canonical_tensors(model)) {
    const bool is_new = tensors.emplace(tensor.name, tensor).second;
    REQUIRE(is_new);
  }
  return tensors;
}

}  // namespace

TEST_CASE("a dense model has Qwen3's tensors") {
  const auto tensors = by_name(dense_sample(QkNorm::kHead));
  CHECK(tensors.size() == 2 + 4 * 11);
  CHECK(tensors.at("model.embed_tokens.weight").shape == Shape{96, 32});
  CHECK(tensors.at("model.layers.3.self_attn.q_proj.weight").shape == Shape{64, 32});
  CHECK(tensors.at("model.layers.3.self_attn.k_proj.weight").shape == Shape{32, 32});
  CHECK(tensors.at("model.layers.3.self_attn.v_proj.weight").shape == Shape{32, 32});
  CHECK(tensors.at("model.layers.3.self_attn.o_proj.weight").shape == Shape{32, 64});
  CHECK(tensors.at("model.layers.0.self_attn.q_norm.weight").shape == Shape{16});
  CHECK(tensors.at("model.layers.0.mlp.gate_proj.weight").shape == Shape{48, 32});
  CHECK(tensors.at("model.layers.0.mlp.down_proj.weight").shape == Shape{32, 48});
  CHECK(tensors.at("model.layers.0.input_layernorm.weight").id.is_norm());
  CHECK(tensors.count("lm_head.weight") == 0);  // tied
}

TEST_CASE("query and key norms and the head are there as the config says") {
  const auto plain = by_name(dense_sample(QkNorm::kNone));
  CHECK(plain.count("model.layers.0.self_attn.q_norm.weight") == 0);
  CHECK(plain.at("lm_head.weight").shape == Shape{96, 32});
  const auto projection = by_name(dense_sample(QkNorm::kProjection));
  CHECK(projection.at("model.layers.0.self_attn.q_norm.weight").shape == Shape{64});
  CHECK(projection.at("model.layers.0.self_attn.k_norm.weight").shape == Shape{32});
}

TEST_CASE("sparse layers have routers and experts under global numbers") {
  ModelDescription model = sparse_sample(QkNorm::kHead, {1, 3}, moe::ScoreFunction::kSigmoid);
  model.moe->num_shared_experts = 2;
  model.dtype = DType::kBFloat16;
  auto tensors = by_name(model);
  CHECK(tensors.count("model.layers.0.mlp.gate.weight") == 0);
  CHECK(tensors.count("model.layers.1.mlp.gate_proj.weight") == 0);
  CHECK(tensors.at("model.layers.1.mlp.gate.weight").shape == Shape{6, 32});
  const CanonicalTensor& expert = tensors.at("model.layers.3.mlp.experts.5.down_proj.weight");
  CHECK(expert.shape == Shape{32, 24});
  CHECK(expert.id.layer == "layers.3");
  CHECK(expert.id.expert == 5);
  CHECK(expert.id.part == TensorPart::kExpert);
  CHECK(expert.dtype == DType::kBFloat16);
  CHECK(tensors.at("model.layers.3.mlp.shared_experts.up_proj.weight").shape == Shape{48, 32});
  CHECK(tensors.count("model.layers.3.mlp.gate.e_score_correction_bias") == 0);
  model.moe->bias_update_rate = 1e-3;
  CHECK(by_name(model).at("model.layers.3.mlp.gate.e_score_correction_bias").shape == Shape{6});
  CHECK(by_name(model).at("model.layers.3.mlp.gate.e_score_correction_bias").dtype == DType::kFloat32);
  model.moe->bias_update_rate = 0;
  model.has_router_bias = true;
  CHECK(by_name(model).count("model.layers.3.mlp.gate.e_score_correction_bias") == 1);
}

TEST_CASE("families have a row each, and the children theirs") {
  ModelDescription model = sparse_sample(QkNorm::kHead, {0}, moe::ScoreFunction::kSoftmax);
  model.moe->num_experts = 8;
  const std::int64_t plain = count_parameters(model).total;
  CHECK(by_name(model).count("model.layers.0.mlp.family_gate.weight") == 0);
  // A level of 2 rows a family, then one of 4.
  for (const auto& [family_size, families, child_rows] : {std::tuple{2, 4, 8}, {4, 2, 12}}) {
    model.moe->family_size = family_size;
    const auto tensors = by_name(model);
    CHECK(tensors.at("model.layers.0.mlp.gate.weight").shape == Shape{families, 32});
    CHECK(tensors.at("model.layers.0.mlp.family_gate.weight").shape == Shape{child_rows, 32});
    CHECK(tensors.at("model.layers.0.mlp.family_gate.weight").id.kind == TensorKind::kFamilyRows);
    CHECK(count_parameters(model).total == plain + (families - 8 + child_rows) * 32);
  }
}

TEST_CASE("parameters are counted, and those that a token uses") {
  const ModelDescription dense = dense_sample(QkNorm::kHead);
  // embedding, final norm, and per layer: two norms, q k v o, two head norms, three MLP matrices
  const std::int64_t layer = 2 * 32 + 64 * 32 + 32 * 32 + 32 * 32 + 32 * 64 + 2 * 16 + 3 * 48 * 32;
  CHECK(count_parameters(dense).total == 96 * 32 + 32 + 4 * layer);
  CHECK(count_parameters(dense).active == count_parameters(dense).total);
  ModelDescription sparse = sparse_sample(QkNorm::kHead, {1, 3}, moe::ScoreFunction::kSigmoid);
  const std::int64_t expert = 3 * 24 * 32;
  const std::int64_t rest = 96 * 32 + 32 + 4 * (layer - 3 * 48 * 32) + 2 * 3 * 48 * 32 + 2 * 6 * 32;
  CHECK(count_parameters(sparse).total == rest + 2 * 6 * expert);
  CHECK(count_parameters(sparse).active == rest + 2 * 2 * expert);
  sparse.moe->bias_update_rate = 1;  // a statistic, not a parameter
  CHECK(count_parameters(sparse).total == rest + 2 * 6 * expert);
}

TEST_CASE("descriptions of no model are refused with key and value") {
  using Change = std::function<void(ModelDescription&)>;
  const std::vector<std::pair<Change, std::string>> changes = {
      {[](auto& m) { m.decoder.vocab_size = 0; }, "vocab_size is 0, expected at least 1"},
      {[](auto& m) { m.decoder.hidden_size = -1; }, "hidden_size is -1"},
      {[](auto& m) { m.decoder.num_key_value_heads = 3; }, "num_key_value_heads(3) does not divide num_attention_heads(4)"},
      {[](auto& m) { m.decoder.head_dim = 15; }, "head_dim is 15"},
      {[](auto& m) { m.decoder.intermediate_size = 1LL << 40; }, "more than any model has"},
      {[](auto& m) { m.decoder.rope_theta = 0; }, "rope_theta is 0"},
      {[](auto& m) { m.decoder.rms_norm_eps = -1; }, "rms_norm_eps is -1"},
      {[](auto& m) { m.moe->top_k = 7; }, "top_k(7) is more than there is to choose from (6)"},
      {[](auto& m) { m.moe->family_size = 4; }, "family_size(4) does not divide num_experts(6)"},
      {[](auto& m) { m.moe->family_size = 3; }, "family_size is 3, expected a power of two"},
      {[](auto& m) { m.moe->num_experts = m.moe->family_size = 8; }, "top_k(2) is more than there is to choose from (1)"},
      {[](auto& m) { m.moe->layers = {}; }, "without a sparse layer"},
      {[](auto& m) { m.moe->layers = {1, 1}; }, "ascending and below num_hidden_layers(4), found [1, 1]"},
      {[](auto& m) { m.moe->layers = {4}; }, "found [4]"},
      {[](auto& m) { m.moe->expert_hidden_size = 0; }, "expert_hidden_size is 0"},
      {[](auto& m) { m.moe->num_shared_experts = -1; }, "num_shared_experts is -1"},
  };
  for (const auto& [change, part] : changes) {
    ModelDescription model = sparse_sample(QkNorm::kHead, {1, 3}, moe::ScoreFunction::kSoftmax);
    check_description(model, "x");
    change(model);
    const std::string message = checkpoint::data_error_of([&] { check_description(model, "here"); });
    INFO(message);
    CHECK(message.rfind("here: ", 0) == 0);
    CHECK(checkpoint::has(message, part));
  }
}
