// Grouped-query attention with RoPE and optional RMSNorm of queries and keys, through LibTorch's fused kernel.
// Legend: N = B*T rows, B sequences, T length, D model width, H query heads, K key/value heads, h head width.
#pragma once

#include "core/shape/decoder_config.hpp"
#include "core/nn/feed_forward.hpp"
#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"
#include "core/nn/rope.hpp"

#include <memory>
#include <string>

namespace sluice {

/// Keys and values seen so far, [B, S, K, h] each; empty before the first token.
struct AttentionCache {
  at::Tensor key, value;
};

class Attention {
 public:
  /// `layer`: its path, "layers.3". options: those of the model (Parameter::make).
  Attention(const std::string& layer, const DecoderConfig& config, std::shared_ptr<RopeTable> rope, const at::TensorOptions& options);

  /// x [N, D] -> [N, D]: each row attends to the rows of its sequence, if `causal` to itself and those before it. With a cache (inference
  /// only; causal, sequences of one length) the rows continue it and it grows by them.
  at::Tensor forward(const at::Tensor& x, const RowTable& rows, AttentionCache* cache, bool causal = true);
  void collect(std::vector<Parameter*>& parameters);

  Parameter qkv;             // [(H + 2K) h, D]: query rows, key rows, value rows
  Parameter out;             // [D, H h]
  Parameter q_norm, k_norm;  // [h], or [H h] and [K h] when over the projection; unused when qk_norm is kNone
  Numerics qkv_numerics, out_numerics;

 private:
  at::Tensor attend(const at::Tensor& q, at::Tensor k, at::Tensor v, AttentionCache* cache, bool causal) const;

  DecoderConfig config_;
  std::shared_ptr<RopeTable> rope_;
};

}  // namespace sluice
