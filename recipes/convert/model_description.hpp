// A decoder, dense or sparse, as plain values, and the list of its tensors under their canonical names. Those are Hugging Face's
// of Qwen3, Qwen3-MoE and Glm4Moe, experts one by one under their global number; other families' names are in name_map.hpp.
// D hidden, H/K heads and key-value heads, h head size, F width, V vocabulary, E experts, C child rows; a Linear is [out, in].
#pragma once

#include "core/base/dtype.hpp"
#include "core/checkpoint/tensor_info.hpp"
#include "core/models/decoder_config.hpp"
#include "moe/moe_config.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

struct ModelDescription {
  DecoderConfig decoder;
  std::optional<moe::MoeConfig> moe;
  std::int64_t eos_token_id = -1;  // -1: none
  std::int64_t bos_token_id = -1;
  DType dtype = DType::kFloat32;  // of the weights as stored
  /// A selection bias (e_score_correction_bias) is there even if nothing updates it any more.
  bool has_router_bias = false;

  /// Whether the routers have a selection bias.
  bool router_bias() const { return moe && (has_router_bias || moe->bias_update_rate > 0); }
  bool is_sparse(std::int64_t layer) const;
  bool operator==(const ModelDescription&) const = default;
};

enum class TensorRole {
  kEmbedding,   // [V, D]
  kNorm,        // [D], or a query/key norm [h] or [H*h], [K*h]
  kAttention,   // q [H*h, D], k and v [K*h, D], o [D, H*h]
  kMlp,         // gate and up [F, D], down [D, F] of a dense layer
  kRouter,      // mlp.gate.weight [E, D]; with families [E/family_size, D]
  kFamilyGate,  // mlp.family_gate.weight [C, D]: the children's rows, level after level, only with families
  kRouterBias,  // mlp.gate.e_score_correction_bias, one per row of mlp.gate.weight, always F32
  kExpert,      // gate and up [F, D], down [D, F] of one expert
  kShared,      // the same of the shared expert, F = num_shared_experts * expert_hidden_size
  kHead,        // lm_head.weight [V, D], only if untied
};

struct CanonicalTensor {
  std::string name;
  checkpoint::Shape shape;
  TensorRole role = TensorRole::kNorm;
  DType dtype = DType::kFloat32;
  std::int64_t layer = -1;   // -1: not of a layer
  std::int64_t expert = -1;  // global number; -1: not of an expert
};

/// Data error if the description cannot be a model (sizes below 1, heads that do not divide, sparse layers out of range, …), with
/// the key and its value; `where` begins the message.
void check_description(const ModelDescription& model, const std::string& where);

/// Every tensor of the model, layer by layer.
std::vector<CanonicalTensor> canonical_tensors(const ModelDescription& model);

struct ParameterCount {
  std::int64_t total = 0;   // tied embeddings once; the router bias, a statistic, not at all
  std::int64_t active = 0;  // of which one token uses: top_k experts of each sparse layer
};
ParameterCount count_parameters(const ModelDescription& model);

}  // namespace sluice::recipes
