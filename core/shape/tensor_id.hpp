// Identifies a tensor of a model as a value: its layer, the part of the layer, which of the part's tensors, and the expert. Names of
// tensors are printed and parsed in this file and nowhere else. They are those of Hugging Face's Qwen3, Qwen3-MoE and Glm4Moe, called
// "canonical" in this project. Experts are stored one by one, under their number in the whole model:
//
//   model.embed_tokens.weight   model.layers.3.self_attn.q_proj.weight   model.layers.3.mlp.experts.7.gate_proj.weight   lm_head.weight
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice {

/// A part of the model.
enum class TensorPart {
  // Parts of no layer.
  kEmbedding,
  kFinalNorm,
  kHead,  // lm_head; only if it is not tied to the embedding

  // Parts of a layer.
  kInputNorm,
  kPostAttentionNorm,
  kAttention,
  kFeedForward,  // a dense one
  kRouter,
  kExpert,         // one routed expert
  kSharedExperts,  // all shared experts, side by side as one SwiGLU
};

/// A tensor of a part.
enum class TensorKind {
  // The only tensor of its part (embedding, head, norms of the model and of a layer), or the rows of a router.
  kWeight,

  // Tensors of attention.
  kQuery,
  kKey,
  kValue,
  kOutput,
  kQueryNorm,
  kKeyNorm,

  // Matrices of a SwiGLU: a dense feed-forward, an expert, the shared experts. kGate is gate_proj; the rows of a router, which are also
  // called its gate, are kWeight.
  kGate,
  kUp,
  kDown,

  // Tensors of a router beside its rows.
  kFamilyRows,     // the rows of the families' children, level after level
  kSelectionBias,  // one number for each row, added to the scores by which experts are chosen
};

struct TensorId {
  std::string layer = {};  // path of the layer, "layers.3"; empty if the tensor is of no layer
  TensorPart part = TensorPart::kEmbedding;
  TensorKind kind = TensorKind::kWeight;
  std::int64_t expert = -1;  // number of the expert in the whole model; -1 if the tensor is of no expert

  bool operator==(const TensorId&) const = default;
  /// Whether this is the weight of a norm, those of queries and keys included.
  bool is_norm() const;
  /// Whether this is no weight but a statistic, which the optimizer does not update: the router's selection bias.
  bool is_statistic() const { return kind == TensorKind::kSelectionBias; }
  /// Returns the same with another kind: another tensor of the same part.
  TensorId with(TensorKind other) const;
};

/// Returns the canonical name; "" if no tensor has this part and kind.
std::string name_of(const TensorId& id);
/// Returns the beginning of the names of a layer's tensors, "model.layers.3", and of those of one of its experts,
/// "model.layers.3.mlp.experts.7".
std::string layer_prefix(const std::string& layer);
std::string expert_prefix(const std::string& layer, std::int64_t expert);
/// Returns the tensor of that name; nothing if no model has a tensor of that name.
std::optional<TensorId> parse_tensor_id(std::string_view name);
/// The same, but a usage error if there is none.
TensorId tensor_id_of(std::string_view name);

/// Returns "layers.3" for 3, and 3 for "layers.3"; layer_number() is -1 for any other text.
std::string layer_path(std::int64_t number);
std::int64_t layer_number(std::string_view path);
/// Returns the path of the feed-forward slot of layer number `layer`, such as "layers.3.feed_forward".
std::string feed_forward_path(std::int64_t layer);

}  // namespace sluice
