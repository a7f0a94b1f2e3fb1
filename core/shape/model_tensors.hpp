// The tensors of a decoder and their shapes, as plain values: the one list that layers, checkpoints, conversions and counts of parameters
// go by. Legend: D model width, V vocabulary, H query heads, K key/value heads, h head width, F width of a feed-forward. The matrix of a
// product is [out, in].
#pragma once

#include "core/shape/decoder_config.hpp"
#include "core/shape/tensor_id.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sluice {

struct ModelTensor {
  TensorId id;
  std::vector<std::int64_t> shape;

  std::int64_t count() const;
};

/// Query [H h, D], key and value [K h, D], output [D, H h]; then, unless `config` has none, query and key norm: [h], or [H h] and [K h]
/// where they are over the projection. `layer`: its path, "layers.3".
std::vector<ModelTensor> attention_tensors(const DecoderConfig& config, const std::string& layer);

/// Gate and up [F, D], down [D, F] of a SwiGLU: those of `part`, whatever kind it says.
std::vector<ModelTensor> swiglu_tensors(const TensorId& part, std::int64_t hidden_size, std::int64_t width);

/// Embedding, final norm and head of the model; the norms of a layer.
ModelTensor embedding_tensor(const DecoderConfig& config);
ModelTensor final_norm_tensor(const DecoderConfig& config);
ModelTensor head_tensor(const DecoderConfig& config);
ModelTensor input_norm_tensor(const DecoderConfig& config, const std::string& layer);
ModelTensor post_attention_norm_tensor(const DecoderConfig& config, const std::string& layer);

/// All of a decoder in canonical order: embedding, layer by layer, final norm, head if untied. `feed_forward` gives those of a layer's
/// feed-forward, or none where it is dense.
std::vector<ModelTensor> decoder_tensors(const DecoderConfig& config,
                                         const std::function<std::vector<ModelTensor>(std::int64_t layer)>& feed_forward);

}  // namespace sluice
