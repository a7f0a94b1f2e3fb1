// The shape of a dense decoder (Llama/Qwen3) as plain values. The model itself is in core/models/decoder.hpp.
#pragma once

#include "core/base/enum_names.hpp"

#include <cstdint>

namespace sluice {

/// RMSNorm of queries and keys before RoPE: per head (Qwen3, Glm4Moe), over the whole projection (OLMoE), or none.
enum class QkNorm { kNone, kHead, kProjection };
inline constexpr EnumName<QkNorm> kQkNormNames[] = {{QkNorm::kNone, "none"}, {QkNorm::kHead, "head"}, {QkNorm::kProjection, "projection"}};
constexpr std::span<const EnumName<QkNorm>> names_of(QkNorm) { return kQkNormNames; }

struct DecoderConfig {
  std::int64_t vocab_size = 0;               // V; that of the tokenizer
  std::int64_t hidden_size = 256;            // D
  std::int64_t num_layers = 6;               // L
  std::int64_t num_attention_heads = 8;      // H
  std::int64_t num_key_value_heads = 8;      // K; divides H
  std::int64_t head_dim = 32;                // h; even
  std::int64_t intermediate_size = 1024;     // F of dense layers
  std::int64_t max_position_embeddings = 0;  // the longest seq_length that the model was trained with so far
  QkNorm qk_norm = QkNorm::kHead;
  double rope_theta = 10000.0;
  double rms_norm_eps = 1e-6;
  bool tie_word_embeddings = true;

  bool operator==(const DecoderConfig&) const = default;
};

}  // namespace sluice
