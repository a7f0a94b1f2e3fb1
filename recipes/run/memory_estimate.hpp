// How much memory one rank needs, as arithmetic, before anything is allocated.
//
// a = bytes of an element of the model's dtype; s = 4 (float32, bfloat16) or 8 (float64): masters, gradients, moments.
// Held by a rank:   P = dense + experts / expert
//   parameters      P a
//   gradients       P s                                  (bfloat16 gradients are accumulated and reduced in float32)
//   optimizer       (dense/dense_shards + experts/expert/expert_shards) (2 s, and s for the master of bfloat16)
// For N = micro_batch_size * seq_length rows, kept for the backward pass (D, V, H, K, h, E, k, F as in the configurations), without
// recomputation and with fused attention and SwiGLU:
//   attention       N a (2 D + (2 H + 2 K) h) + 4 N H     residual, its norm, rotated q, k, v, output; log-sum-exp in float32
//                   and N a (H + K) h with q/k-norm       q and k before it
//   dense SwiGLU    N a (2 D + 3 F)                       residual, its norm, gate, up, their product
//   MoE layer       N a (2 D + 3 F_shared) + 8 N E + N k a (D + 3 F)      scores and probabilities in float32; rows in expert order
//   embedding, head N a D + N V (a + 4)                   logits, and their softmax in float32
// An even load gives each rank N k rows a layer. The worst one, all rows of the expert group on one rank, adds
//   worst load      (expert - 1) N k a (D + 3 F)          in each MoE layer
// Not counted: the libraries themselves, communication buffers, the data.
#pragma once

#include "core/base/dtype.hpp"

#include <cstdint>

namespace sluice::recipes {

struct MemoryShape {
  std::int64_t dense_parameters = 0;   // everything but routed experts
  std::int64_t expert_parameters = 0;  // all routed experts of all layers together
  std::int64_t expert = 1;             // parallel.expert
  std::int64_t dense_shards = 1;       // ranks that share the optimizer state of a dense parameter
  std::int64_t expert_shards = 1;      // and of an expert
  DType dtype = DType::kFloat32;

  std::int64_t micro_batch_size = 1;
  std::int64_t seq_length = 1;
  std::int64_t vocab_size = 0;
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  bool qk_norm = false;
  std::int64_t intermediate_size = 0;
  std::int64_t num_moe_layers = 0;  // of num_layers
  std::int64_t num_experts = 0;
  std::int64_t top_k = 0;
  std::int64_t expert_hidden_size = 0;
  std::int64_t shared_hidden_size = 0;  // of all shared experts of a layer together
};

/// Bytes on one rank.
struct MemoryEstimate {
  double parameters = 0;
  double gradients = 0;
  double optimizer = 0;
  double activations = 0;  // at even load
  double worst_load = 0;   // on top of it, if every token chose the experts of one rank
  double total() const { return parameters + gradients + optimizer + activations; }
};

MemoryEstimate estimate_memory(const MemoryShape& shape);

}  // namespace sluice::recipes
