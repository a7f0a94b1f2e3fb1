// The tensors of a decoder and their shapes as plain values. Layers, checkpoints, conversions and the counting of parameters all use this
// one list. Legend: D model width, V vocabulary, H query heads, K key/value heads, h head width, F width of a feed-forward. The matrix of a
// product is [out, in].
#pragma once

#include "core/shape/decoder_config.hpp"
#include "core/shape/tensor_id.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace sluice {

/// A tensor of the model, and its shape.
struct ModelTensor {
  TensorId id;
  std::vector<std::int64_t> shape;

  /// Number of elements.
  std::int64_t count() const;
};

/// Returns, in this order: query [H h, D], key and value [K h, D], output [D, H h]; then, unless config.qk_norm is kNone, the norms of
/// queries and keys, [h] each if per head, else [H h] and [K h]. `layer` is the layer's path, "layers.3".
std::vector<ModelTensor> attention_tensors(const DecoderConfig& config, const std::string& layer);

/// Returns gate and up [width, hidden_size] and down [hidden_size, width] of a SwiGLU. `part` gives the layer, the part and the expert; its
/// kind is ignored.
std::vector<ModelTensor> swiglu_tensors(const TensorId& part, std::int64_t hidden_size, std::int64_t width);

/// The tensors of the model that are in no layer, and the norms of a layer: [V, D] for embedding and head, [D] for norms.
ModelTensor embedding_tensor(const DecoderConfig& config);
ModelTensor final_norm_tensor(const DecoderConfig& config);
ModelTensor head_tensor(const DecoderConfig& config);
ModelTensor input_norm_tensor(const DecoderConfig& config, const std::string& layer);
ModelTensor post_attention_norm_tensor(const DecoderConfig& config, const std::string& layer);

/// Returns all tensors of a decoder in canonical order: the embedding, layer by layer, the final norm, and the head if it is not tied.
/// `feed_forward` must return the tensors of a layer's feed-forward; an empty list means that it is dense.
std::vector<ModelTensor> decoder_tensors(const DecoderConfig& config,
                                         const std::function<std::vector<ModelTensor>(std::int64_t layer)>& feed_forward);

}  // namespace sluice
