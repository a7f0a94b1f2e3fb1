// A decoder, dense or sparse, as plain values, and the list of its tensors under their canonical names (core/shape/tensor_id.hpp).
// D hidden, H/K heads and key-value heads, h head size, F width, V vocabulary, E experts, C child rows; a Linear is [out, in].
#pragma once

#include "core/base/dtype.hpp"
#include "core/shape/tensor_id.hpp"
#include "core/checkpoint/tensor_info.hpp"
#include "core/shape/decoder_config.hpp"
#include "moe/plan/moe_config.hpp"

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
  /// There is a selection bias (e_score_correction_bias) even if no update rule changes it (bias_update_rate 0).
  bool has_router_bias = false;

  /// Whether the routers have a selection bias.
  bool router_bias() const { return moe && (has_router_bias || moe->bias_update_rate > 0); }
  bool is_sparse(std::int64_t layer) const;
  bool operator==(const ModelDescription&) const = default;
};

struct CanonicalTensor {
  TensorId id;
  std::string name;  // the canonical name of `id`
  checkpoint::Shape shape;
  DType dtype = DType::kFloat32;  // of statistics always float32
};

/// Data error if the description cannot be a model (sizes below 1, heads that do not divide, sparse layers out of range, …), with
/// the key and its value; `where` begins the message.
void check_description(const ModelDescription& model, const std::string& where);

/// Every tensor of the model, layer by layer:
///   embedding and head [V, D] (the head only if untied), norms [D], q [H*h, D], k and v [K*h, D], o [D, H*h], query and key norm [h] or
///   [H*h], [K*h]; gate and up [F, D] and down [D, F] of a dense layer, of each expert and of the shared experts (F then num_shared_experts
///   * expert_hidden_size); the router's rows [E/family_size, D], children's rows [C, D] only with families, one selection bias a row.
std::vector<CanonicalTensor> canonical_tensors(const ModelDescription& model);

struct ParameterCount {
  std::int64_t total = 0;   // tied embeddings once; the router bias, a statistic, not at all
  std::int64_t active = 0;  // the part of `total` that one token uses: of a sparse layer's experts only top_k
};
ParameterCount count_parameters(const ModelDescription& model);

}  // namespace sluice::recipes
