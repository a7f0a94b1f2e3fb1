// Grouped-query attention (Ainslie et al. 2023) with rotary positions (RoPE) and optional RMSNorm of queries and keys. The attention itself
// is LibTorch's scaled_dot_product_attention.
// Legend: N rows of all sequences together, B sequences, T length of a sequence, S tokens that a cache holds of each sequence, D model
// width, H query heads, K key/value heads, h head width.
#pragma once

#include "core/shape/decoder_config.hpp"
#include "core/nn/feed_forward.hpp"
#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"
#include "core/nn/rope.hpp"

#include <memory>
#include <string>

namespace sluice {

/// The keys and values of the S tokens of each sequence seen so far, [B, S, K, h] each. Keys are normalised and rotated already. Both are
/// undefined before the first token.
struct AttentionCache {
  at::Tensor key, value;
};

class Attention {
 public:
  /// `layer` is the path of the layer, such as "layers.3". `options` are the model's element type and device (Parameter::make). `rope` is
  /// shared by all layers.
  Attention(const std::string& layer, const DecoderConfig& config, std::shared_ptr<RopeTable> rope, const at::TensorOptions& options);

  /// x [N, D] -> [N, D]. Each row attends to the rows of its own sequence; if `causal`, only to itself and those before it. `cache` may be
  /// null. With a cache, the rows continue the sequences in it, at the positions that `rows` states, and their keys and values are appended
  /// to it. That is for inference: causal, and with sequences of one length (c10::Error otherwise).
  at::Tensor forward(const at::Tensor& x, const RowTable& rows, AttentionCache* cache, bool causal = true);
  /// Appends the parameters in their canonical order.
  void collect(std::vector<Parameter*>& parameters);

  Parameter qkv;             // [(H + 2K) h, D]: the rows of the queries, then those of the keys, then those of the values
  Parameter out;             // [D, H h]
  Parameter q_norm, k_norm;  // [h] if norms are per head, [H h] and [K h] if over the whole projection; unused with QkNorm::kNone
  Numerics qkv_numerics, out_numerics;

 private:
  at::Tensor attend(const at::Tensor& q, at::Tensor k, at::Tensor v, AttentionCache* cache, bool causal) const;

  DecoderConfig config_;
  std::shared_ptr<RopeTable> rope_;
};

}  // namespace sluice
