// What several architectures have in common. Private to recipes/convert.
#pragma once

#include "recipes/convert/architectures/definition.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// What Transformers takes for keys that are not there (class defaults of 5.17).
struct ConfigDefaults {
  std::int64_t num_key_value_heads = 0;  // 0: as many as heads
  std::int64_t head_dim = 0;             // 0: hidden_size / num_attention_heads
  double rope_theta = 1e4;
  double rms_norm_eps = 1e-6;
  std::int64_t max_position_embeddings = 2048;
  double partial_rotary_factor = 1.0;
  bool sliding_window = false;  // used without use_sliding_window
};

/// Keys of all classes, in their order; of them an architecture may change values.
OrderedJson shared_keys(const ModelDescription& model, const Architecture& architecture);

/// The decoder without query/key norms. Refuses what no architecture here has: biases, other activations, rope scaling, sliding windows,
/// clipping, quantised weights, groups of experts, another class.
DecoderConfig read_decoder(const ConfigKeys& keys, const Architecture& architecture, const ConfigDefaults& absent);

/// num_experts and top_k of a sparse model; the other balance settings are off, the auxiliary coefficient is the file's times top_k (f
/// sums to k there and to 1 here).
moe::MoeConfig read_experts(const ConfigKeys& keys, std::vector<std::int64_t> layers);
void write_aux_loss(const moe::MoeConfig& moe, OrderedJson& keys);

std::vector<std::int64_t> all_layers(std::int64_t num_layers);
bool every_layer_is_sparse(const ModelDescription& model);
bool routes_by_softmax(const ModelDescription& model);
/// What keeps a model that routes by softmax from all architectures that do; nothing if nothing does.
std::optional<std::string> softmax_misfit(const ModelDescription& model);

}  // namespace sluice::recipes
