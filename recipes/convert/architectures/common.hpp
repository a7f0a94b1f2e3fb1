// Functions that several architectures use. Private to recipes/convert.
#pragma once

#include "recipes/convert/architectures/definition.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// The values of keys that are absent from a config.json: the defaults of an architecture's config class in Transformers 5.17.
struct ConfigDefaults {
  std::int64_t num_key_value_heads = 0;  // 0: as many as heads
  std::int64_t head_dim = 0;             // 0: hidden_size / num_attention_heads
  double rope_theta = 1e4;
  double rms_norm_eps = 1e-6;
  std::int64_t max_position_embeddings = 2048;
  double partial_rotary_factor = 1.0;
  bool sliding_window = false;  // true: the class uses a sliding_window even without use_sliding_window
};

/// A token id as config.json has it: null for -1, which means none.
OrderedJson id_or_null(std::int64_t id);

/// The keys of config.json that all architectures write, in their order. An architecture may change values of them.
OrderedJson shared_keys(const ModelDescription& model, const Architecture& architecture);

/// The decoder that `keys` describe; the caller sets query/key norms. Data error for what no architecture here has: biases, other
/// activations, rope scaling, sliding windows, clipping, quantised weights, groups of experts, another class.
DecoderConfig read_decoder(const ConfigKeys& keys, const Architecture& architecture, const ConfigDefaults& absent);

/// num_experts and top_k of a sparse model with these sparse layers. aux_loss_coef is router_aux_loss_coef times top_k, since the load
/// fractions f of the balance loss sum to top_k in Transformers and to 1 here; the other balance settings are off.
moe::MoeConfig read_experts(const ConfigKeys& keys, std::vector<std::int64_t> layers);
/// Writes num_experts_per_tok, output_router_logits and router_aux_loss_coef, the last as read_experts() reads it.
void write_aux_loss(const moe::MoeConfig& moe, OrderedJson& keys);

std::vector<std::int64_t> all_layers(std::int64_t num_layers);
bool every_layer_is_sparse(const ModelDescription& model);
bool routes_by_softmax(const ModelDescription& model);
/// Why no architecture with softmax routing computes this sparse model, which routes by softmax; nothing if no such reason is found.
std::optional<std::string> softmax_misfit(const ModelDescription& model);

}  // namespace sluice::recipes
