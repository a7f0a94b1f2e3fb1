#include "recipes/convert/family.hpp"

#include "recipes/convert/name_map.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

bool every_layer_is_sparse(const ModelDescription& model) {
  return static_cast<std::int64_t>(model.moe->layers.size()) == model.decoder.num_layers;
}

/// Glm4Moe knows dense layers only before the first sparse one.
bool sparse_layers_are_last(const ModelDescription& model) {
  return model.moe->layers.back() - model.moe->layers.front() + 1 == static_cast<std::int64_t>(model.moe->layers.size()) &&
         model.moe->layers.back() == model.decoder.num_layers - 1;
}

ArchitectureChoice none(std::string reason) {
  return {std::nullopt, std::move(reason)};
}

ArchitectureChoice dense_architecture(const DecoderConfig& config) {
  if (config.qk_norm == QkNorm::kHead) return {Architecture::kQwen3, ""};
  if (config.hidden_size % config.num_attention_heads != 0)
    return none(
        fmt::format("Llama wants num_attention_heads({}) to divide hidden_size({})", config.num_attention_heads, config.hidden_size));
  return {Architecture::kLlama, ""};
}

ArchitectureChoice softmax_architecture(const ModelDescription& model) {
  const moe::MoeConfig& moe = *model.moe;
  if (model.router_bias()) return none("softmax scores with a selection bias: only sigmoid ones (Glm4Moe) have it");
  if (moe.num_shared_experts > 0) return none("softmax scores with shared experts: only sigmoid ones (Glm4Moe) have them");
  if (moe.routed_scaling_factor != 1.0)
    return none(
        fmt::format("softmax scores with routed_scaling_factor {}: only sigmoid ones (Glm4Moe) have it", moe.routed_scaling_factor));
  if (model.decoder.qk_norm == QkNorm::kHead) return {Architecture::kQwen3Moe, ""};
  if (!moe.norm_topk_prob) return none("softmax scores without renormalisation and without query/key norms: Mixtral always renormalises");
  if (!every_layer_is_sparse(model))
    return none("dense layers among sparse ones without query/key norms: in Mixtral every layer is sparse");
  return {Architecture::kMixtral, ""};
}

ArchitectureChoice sigmoid_architecture(const ModelDescription& model) {
  if (!sparse_layers_are_last(model))
    return none("sigmoid scores with a dense layer after a sparse one: Glm4Moe has dense layers only at the beginning");
  if (model.moe->num_experts < 2) return none("sigmoid scores with one expert: Glm4Moe needs two");
  return {Architecture::kGlm4Moe, ""};
}

/// Glm4Moe always has a selection bias and shared experts, which are of width 0 where config.json counts none.
void add_expected_by_glm(const ModelDescription& model, std::int64_t layer, std::vector<StoredTensor>& stored) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.";
  const auto add = [&](const std::string& name, DType dtype, checkpoint::Shape shape) {
    stored.push_back({{prefix + name, checkpoint::stored_type_of(dtype), std::move(shape)}, prefix + name, std::nullopt});
  };
  if (!model.router_bias()) add("gate.e_score_correction_bias", DType::kFloat32, {model.moe->num_experts});
  if (model.moe->num_shared_experts > 0) return;
  add("shared_experts.gate_proj.weight", model.dtype, {0, model.decoder.hidden_size});
  add("shared_experts.up_proj.weight", model.dtype, {0, model.decoder.hidden_size});
  add("shared_experts.down_proj.weight", model.dtype, {model.decoder.hidden_size, 0});
}

}  // namespace

std::string_view model_type_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama: return "llama";
    case Architecture::kQwen3: return "qwen3";
    case Architecture::kMixtral: return "mixtral";
    case Architecture::kQwen3Moe: return "qwen3_moe";
    case Architecture::kGlm4Moe: return "glm4_moe";
  }
  return "";
}

std::string_view class_of(Architecture architecture) {
  switch (architecture) {
    case Architecture::kLlama: return "LlamaForCausalLM";
    case Architecture::kQwen3: return "Qwen3ForCausalLM";
    case Architecture::kMixtral: return "MixtralForCausalLM";
    case Architecture::kQwen3Moe: return "Qwen3MoeForCausalLM";
    case Architecture::kGlm4Moe: return "Glm4MoeForCausalLM";
  }
  return "";
}

std::optional<Architecture> parse_model_type(std::string_view model_type) {
  for (const Architecture architecture : kArchitectures)
    if (model_type_of(architecture) == model_type) return architecture;
  return std::nullopt;
}

ArchitectureChoice architecture_of(const ModelDescription& model) {
  if (model.decoder.qk_norm == QkNorm::kProjection)
    return none("query/key norms over the whole projection: no supported architecture has them");
  if (!model.moe) return dense_architecture(model.decoder);
  const moe::MoeConfig& moe = *model.moe;
  if (moe.family_size > 1) return none(fmt::format("a router of families of {} experts; `flatten` makes a plain one", moe.family_size));
  if (moe.capacity_factor > 0) return none(fmt::format("capacity_factor {} drops tokens; the architectures never do", moe.capacity_factor));
  return moe.score_func == moe::ScoreFunction::kSoftmax ? softmax_architecture(model) : sigmoid_architecture(model);
}

std::vector<StoredTensor> stored_tensors(const ModelDescription& model) {
  const auto architecture = architecture_of(model).architecture;
  const auto family_name = [&](const std::string& name) { return architecture ? to_family_name(*architecture, name) : name; };
  std::vector<StoredTensor> stored;
  for (const CanonicalTensor& tensor : canonical_tensors(model)) {
    stored.push_back({{family_name(tensor.name), checkpoint::stored_type_of(tensor.dtype), tensor.shape}, tensor.name, tensor});
    if (architecture == Architecture::kGlm4Moe && tensor.role == TensorRole::kRouter) add_expected_by_glm(model, tensor.layer, stored);
  }
  return stored;
}

}  // namespace sluice::recipes
