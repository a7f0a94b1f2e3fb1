#include "core/shape/tensor_id.hpp"

#include "core/base/error.hpp"
#include "core/base/parse_number.hpp"

#include <utility>

namespace sluice {
namespace {

constexpr std::string_view kModel = "model.", kLayers = "layers.", kExperts = "mlp.experts.";

// What a tensor is called behind its layer; an expert's, behind its number.
struct Name {
  TensorPart part;
  TensorKind kind;
  std::string_view text;
};

constexpr Name kOfModel[] = {
    {TensorPart::kEmbedding, TensorKind::kWeight, "model.embed_tokens.weight"},
    {TensorPart::kFinalNorm, TensorKind::kWeight, "model.norm.weight"},
    {TensorPart::kHead, TensorKind::kWeight, "lm_head.weight"},
};

constexpr Name kOfLayer[] = {
    {TensorPart::kInputNorm, TensorKind::kWeight, "input_layernorm.weight"},
    {TensorPart::kPostAttentionNorm, TensorKind::kWeight, "post_attention_layernorm.weight"},
    {TensorPart::kAttention, TensorKind::kQuery, "self_attn.q_proj.weight"},
    {TensorPart::kAttention, TensorKind::kKey, "self_attn.k_proj.weight"},
    {TensorPart::kAttention, TensorKind::kValue, "self_attn.v_proj.weight"},
    {TensorPart::kAttention, TensorKind::kOutput, "self_attn.o_proj.weight"},
    {TensorPart::kAttention, TensorKind::kQueryNorm, "self_attn.q_norm.weight"},
    {TensorPart::kAttention, TensorKind::kKeyNorm, "self_attn.k_norm.weight"},
    {TensorPart::kFeedForward, TensorKind::kGate, "mlp.gate_proj.weight"},
    {TensorPart::kFeedForward, TensorKind::kUp, "mlp.up_proj.weight"},
    {TensorPart::kFeedForward, TensorKind::kDown, "mlp.down_proj.weight"},
    {TensorPart::kRouter, TensorKind::kWeight, "mlp.gate.weight"},
    {TensorPart::kRouter, TensorKind::kFamilyRows, "mlp.family_gate.weight"},
    {TensorPart::kRouter, TensorKind::kSelectionBias, "mlp.gate.e_score_correction_bias"},
    {TensorPart::kSharedExperts, TensorKind::kGate, "mlp.shared_experts.gate_proj.weight"},
    {TensorPart::kSharedExperts, TensorKind::kUp, "mlp.shared_experts.up_proj.weight"},
    {TensorPart::kSharedExperts, TensorKind::kDown, "mlp.shared_experts.down_proj.weight"},
};

constexpr Name kOfExpert[] = {
    {TensorPart::kExpert, TensorKind::kGate, "gate_proj.weight"},
    {TensorPart::kExpert, TensorKind::kUp, "up_proj.weight"},
    {TensorPart::kExpert, TensorKind::kDown, "down_proj.weight"},
};

template <std::size_t N>
const Name* find(const Name (&names)[N], const TensorId& id) {
  for (const Name& name : names)
    if (name.part == id.part && name.kind == id.kind) return &name;
  return nullptr;
}

template <std::size_t N>
const Name* find(const Name (&names)[N], std::string_view text) {
  for (const Name& name : names)
    if (name.text == text) return &name;
  return nullptr;
}

// The number before the first dot, as a number is printed, with the dot taken off too.
std::optional<std::int64_t> take_number(std::string_view& text) {
  const std::size_t dot = text.find('.');
  const std::string_view digits = text.substr(0, dot);
  const auto number = parse_number<std::int64_t>(digits);
  if (dot == text.npos || !number || *number < 0 || std::to_string(*number) != digits) return std::nullopt;
  text.remove_prefix(dot + 1);
  return number;
}

}  // namespace

bool TensorId::is_norm() const {
  return part == TensorPart::kFinalNorm || part == TensorPart::kInputNorm || part == TensorPart::kPostAttentionNorm ||
         kind == TensorKind::kQueryNorm || kind == TensorKind::kKeyNorm;
}

TensorId TensorId::with(TensorKind other) const {
  TensorId id = *this;
  id.kind = other;
  return id;
}

std::string name_of(const TensorId& id) {
  if (id.layer.empty()) {
    const Name* name = find(kOfModel, id);
    return name != nullptr ? std::string(name->text) : std::string();
  }
  const bool of_expert = id.part == TensorPart::kExpert;
  const Name* name = of_expert ? find(kOfExpert, id) : find(kOfLayer, id);
  if (name == nullptr) return "";
  return (of_expert ? expert_prefix(id.layer, id.expert) : layer_prefix(id.layer)).append(".").append(name->text);
}

std::string layer_prefix(const std::string& layer) { return std::string(kModel) + layer; }

std::string expert_prefix(const std::string& layer, std::int64_t expert) {
  return layer_prefix(layer) + "." + std::string(kExperts) + std::to_string(expert);
}

std::optional<TensorId> parse_tensor_id(std::string_view text) {
  if (const Name* name = find(kOfModel, text)) return TensorId{"", name->part, name->kind};
  if (!text.starts_with(kModel)) return std::nullopt;
  text.remove_prefix(kModel.size());
  if (!text.starts_with(kLayers)) return std::nullopt;
  text.remove_prefix(kLayers.size());
  const auto layer = take_number(text);
  if (!layer) return std::nullopt;
  TensorId id{layer_path(*layer)};
  if (text.starts_with(kExperts)) {
    text.remove_prefix(kExperts.size());
    const auto expert = take_number(text);
    if (!expert) return std::nullopt;
    id.expert = *expert;
  }
  const Name* name = id.expert >= 0 ? find(kOfExpert, text) : find(kOfLayer, text);
  if (name == nullptr) return std::nullopt;
  id.part = name->part;
  id.kind = name->kind;
  return id;
}

TensorId tensor_id_of(std::string_view name) {
  auto id = parse_tensor_id(name);
  if (!id) throw usage_error("{} is no tensor of a decoder", name);
  return *std::move(id);
}

std::string layer_path(std::int64_t number) { return std::string(kLayers) + std::to_string(number); }

std::string feed_forward_path(std::int64_t layer) { return layer_path(layer) + ".feed_forward"; }

std::int64_t layer_number(std::string_view path) {
  if (!path.starts_with(kLayers)) return -1;
  const std::string digits = std::string(path.substr(kLayers.size())) + ".";
  std::string_view rest = digits;
  const auto number = take_number(rest);
  return number && rest.empty() ? *number : -1;
}

}  // namespace sluice
