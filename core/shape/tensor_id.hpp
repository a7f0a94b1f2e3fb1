// What a tensor of a model is, as a value: of which layer, which part of that, which of the part's tensors, and of which expert. Its name
// is printed and parsed here and nowhere else. Names are Hugging Face's of Qwen3, Qwen3-MoE and Glm4Moe ("canonical" in what follows),
// experts one by one under their number in the whole model:
//
//   model.embed_tokens.weight   model.layers.3.self_attn.q_proj.weight   model.layers.3.mlp.experts.7.gate_proj.weight   lm_head.weight
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

enum class TensorPart {
  kEmbedding,
  kFinalNorm,
  kHead,  // lm_head, only if untied
  // Of a layer:
  kInputNorm,
  kPostAttentionNorm,
  kAttention,
  kFeedForward,  // dense
  kRouter,
  kExpert,
  kSharedExperts,  // of all shared experts, side by side
};

enum class TensorKind {
  kWeight,  // of parts with one tensor; the router's rows
  kQuery,
  kKey,
  kValue,
  kOutput,
  kQueryNorm,
  kKeyNorm,  // of attention
  kGate,
  kUp,
  kDown,           // of SwiGLU: feed-forward, expert, shared experts
  kFamilyRows,     // of a router: the children's rows, level after level
  kSelectionBias,  // of a router: one number a row, added to the scores that experts are chosen by
};

struct TensorId {
  std::string layer = {};  // its path, "layers.3"; empty: of no layer
  TensorPart part = TensorPart::kEmbedding;
  TensorKind kind = TensorKind::kWeight;
  std::int64_t expert = -1;  // its number in the whole model; -1: of no expert

  bool operator==(const TensorId&) const = default;
  bool is_norm() const;
  /// A statistic that the optimizer knows nothing of: the router's selection bias.
  bool is_statistic() const { return kind == TensorKind::kSelectionBias; }
  /// The same part's other tensor.
  TensorId with(TensorKind other) const;
};

/// The canonical name.
std::string name_of(const TensorId& id);
/// What the names of a layer's tensors begin with, "model.layers.3"; and those of one of its experts, "model.layers.3.mlp.experts.7".
std::string layer_prefix(const std::string& layer);
std::string expert_prefix(const std::string& layer, std::int64_t expert);
/// The tensor of that name; nothing if no tensor of a model has it.
std::optional<TensorId> parse_tensor_id(std::string_view name);
/// The same; usage error where there is none.
TensorId tensor_id_of(std::string_view name);

/// "layers.3" of 3, and the number back; -1 where the path is not one of these.
std::string layer_path(std::int64_t number);
std::int64_t layer_number(std::string_view path);

}  // namespace sluice
