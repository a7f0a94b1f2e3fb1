#include "core/shape/tensor_id.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;

TEST_CASE("every name is printed and parsed back") {
  const std::pair<TensorId, const char*> all[] = {
      {{"", TensorPart::kEmbedding}, "model.embed_tokens.weight"},
      {{"", TensorPart::kFinalNorm}, "model.norm.weight"},
      {{"", TensorPart::kHead}, "lm_head.weight"},
      {{"layers.0", TensorPart::kInputNorm}, "model.layers.0.input_layernorm.weight"},
      {{"layers.11", TensorPart::kPostAttentionNorm}, "model.layers.11.post_attention_layernorm.weight"},
      {{"layers.3", TensorPart::kAttention, TensorKind::kQuery}, "model.layers.3.self_attn.q_proj.weight"},
      {{"layers.3", TensorPart::kAttention, TensorKind::kKeyNorm}, "model.layers.3.self_attn.k_norm.weight"},
      {{"layers.3", TensorPart::kFeedForward, TensorKind::kUp}, "model.layers.3.mlp.up_proj.weight"},
      {{"layers.3", TensorPart::kRouter}, "model.layers.3.mlp.gate.weight"},
      {{"layers.3", TensorPart::kRouter, TensorKind::kFamilyRows}, "model.layers.3.mlp.family_gate.weight"},
      {{"layers.3", TensorPart::kRouter, TensorKind::kSelectionBias}, "model.layers.3.mlp.gate.e_score_correction_bias"},
      {{"layers.3", TensorPart::kExpert, TensorKind::kDown, 127}, "model.layers.3.mlp.experts.127.down_proj.weight"},
      {{"layers.3", TensorPart::kSharedExperts, TensorKind::kGate}, "model.layers.3.mlp.shared_experts.gate_proj.weight"},
  };
  for (const auto& [id, name] : all) {
    INFO(name);
    CHECK(name_of(id) == name);
    CHECK(parse_tensor_id(name) == id);
    CHECK(tensor_id_of(name) == id);
  }
}

TEST_CASE("what is no name of a model's tensor is none") {
  for (const char* name : {"",
                           "model",
                           "model.",
                           "model.layers.",
                           "model.layers.3",
                           "model.layers.3.",
                           "model.layers.3.mlp",
                           "model.layers..mlp.gate.weight",
                           "model.layers.x.mlp.gate.weight",
                           "model.layers.03.mlp.gate.weight",
                           "model.layers.-1.mlp.gate.weight",
                           "model.layers.3.mlp.experts.gate_proj.weight",
                           "model.layers.3.mlp.experts.1.gate.weight",
                           "model.layers.3.mlp.experts.1",
                           "model.layers.3.mlp.gate.bias",
                           "layers.3.mlp.gate.weight",
                           "model.layers.99999999999999999999.mlp.gate.weight",
                           "model.embed_tokens",
                           "lm_head.bias",
                           "model.layers.3.mlp.gate.weight.x"}) {
    INFO(name);
    CHECK(!parse_tensor_id(name));
    CHECK_THROWS_AS(tensor_id_of(name), sluice::Error);
  }
}

TEST_CASE("a tensor that no part has has no name") {
  CHECK(name_of({"layers.3", TensorPart::kAttention, TensorKind::kGate}).empty());
  CHECK(name_of({"", TensorPart::kRouter}).empty());
}

TEST_CASE("a layer's path and its number") {
  CHECK(layer_path(12) == "layers.12");
  CHECK(layer_number("layers.12") == 12);
  for (const char* path : {"", "layers", "layers.", "layers.x", "layers.1.2", "fusion.3", "layers.01"}) CHECK(layer_number(path) == -1);
}

TEST_CASE("norms are known, and a part's other tensors") {
  CHECK(TensorId{"layers.1", TensorPart::kAttention, TensorKind::kQueryNorm}.is_norm());
  CHECK(TensorId{"", TensorPart::kFinalNorm}.is_norm());
  CHECK(!TensorId{"layers.1", TensorPart::kAttention, TensorKind::kQuery}.is_norm());
  CHECK(TensorId{"layers.1", TensorPart::kExpert, TensorKind::kGate, 4}.with(TensorKind::kDown) ==
        TensorId{"layers.1", TensorPart::kExpert, TensorKind::kDown, 4});
}
