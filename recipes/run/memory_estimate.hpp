// How much memory one rank needs, as arithmetic, before anything is allocated.
//
// Bytes: a of an element of the model's dtype; p of the type that products are computed in (bfloat16 models: bfloat16 or float32); s of
// masters, gradients, moments (4, float64 models 8); c = p where a product first copies its operands into that type, else 0.
// Held by a rank all the time:   P = dense + experts / expert
//   parameters      P s
//   copies          P p                                  what products see of a bfloat16 model's parameters; else the parameters themselves
//   gradients       P s
//   optimizer       2 P s
//   origin          O a                                  the dense feed-forwards that experts were made of, to compare them with
// Kept for the backward pass, for N = micro_batch_size * seq_length rows (D, V, H, K, h, E, k, F as in the configurations):
//   attention       N (2 a D + 4 p H h + s H + s + 8)     residual, its norm; q, k, v (k, v for each query head), output; log-sum-exp;
//                                                         scale of the norm; positions
//                   N c H h / p * a                       the output once more, where products have a type of their own
//                   N (a (H + K) h + s (H + K or 2))      with q/k-norm: q and k before it, their scales
//   dense SwiGLU    N (a (2 D + 3 F) + s)                 residual, its norm, gate, up, their product; scale of the norm
//   MoE layer       N (a (2 D + 3 F_shared) + s + 2 s E)  the same, without what is routed; logits and scores
//                   N k (36 + 2 s)                        the plan, the choice, weights before and after they are normalised
//                   N k (24 + 7 s) for each doubling      of a family's children
//                   R (a (D + 2 F) + s)                   R = N k rows at even load: in expert order, gate and up, weights
//                   2 a F max(8 E / expert, R / 40)       with bfloat16 products: rows of gate and up up to the grid of row counts
//                   R 16                                  with an exchange that spans ranks: the order of arrival and its inverse
//   the ends        N (3 a D + 2 s + 16)                  last residual, its norm and the gradient of that; scale, losses; ids, targets
//   RoPE            seq_length h s                        cosines and sines
// Beside them at the worst moment (`buffers`), the most of
//   loss            min(N, B) (V p + c D) + N c D         a block of logits (B rows, core/nn/cross_entropy.hpp), the gradient of its rows;
//                   V D p                                 and, with bfloat16 products, the head's gradient before it is added up
//   backward        through the last layer: what its widest function makes, less what is gone by then (memory_estimate.cpp)
//   reduction       the receive buffers, less the activations, which are gone by then
// and to the last two the loss's block of logits and product, as far as they are not lent again: the arena of workspaces
// (core/tensor/workspaces.hpp) keeps them.
// An even load gives each rank N k rows a layer. The worst one, all rows of the expert group on one rank, adds
//   worst load      (expert - 1) times what is kept of R rows, in each MoE layer
// Not counted: the libraries themselves, MPI's own buffers, the data, blocks inside of kernels.
#pragma once

#include "core/base/dtype.hpp"

#include <cstdint>

namespace sluice::recipes {

struct MemoryShape {
  std::int64_t dense_parameters = 0;   // everything but routed experts
  std::int64_t expert_parameters = 0;  // all routed experts of all layers together
  std::int64_t origin_parameters = 0;  // O, of the dense feed-forwards; 0 where experts are not made of any
  std::int64_t expert = 1;             // parallel.expert
  DType dtype = DType::kFloat32;
  DType product = DType::kFloat32;     // what products of `dtype` are computed in
  std::int64_t threads = 1;            // that work on experts at the same time
  std::int64_t receive_bytes = 0;      // of the gradient reduction (parallel::reduction_buffer_bytes)

  std::int64_t micro_batch_size = 1;  // sequences that are computed at once
  std::int64_t seq_length = 1;
  std::int64_t vocab_size = 0;
  std::int64_t loss_block_rows = 0;   // B
  std::int64_t hidden_size = 0;
  std::int64_t num_layers = 0;
  std::int64_t num_attention_heads = 0;
  std::int64_t num_key_value_heads = 0;
  std::int64_t head_dim = 0;
  bool qk_norm = false;
  bool qk_norm_by_head = false;
  std::int64_t intermediate_size = 0;
  std::int64_t num_moe_layers = 0;  // of num_layers
  std::int64_t num_experts = 0;
  std::int64_t num_families = 0;    // router rows
  std::int64_t family_levels = 0;   // doublings from a family to its experts
  std::int64_t top_k = 0;
  std::int64_t expert_hidden_size = 0;
  std::int64_t shared_hidden_size = 0;  // of all shared experts of a layer together
  bool spanning_exchange = false;       // rows travel: one that spans ranks (parallel/plan/exchange_kind.hpp)
};

/// Bytes on one rank.
struct MemoryEstimate {
  double parameters = 0;
  double copies = 0;
  double gradients = 0;
  double optimizer = 0;
  double origin = 0;
  double activations = 0;  // kept for the backward pass, at even load
  double buffers = 0;      // beside all these at the worst moment of a step
  double worst_load = 0;   // on top of the total, if every token chose the experts of one rank
  double conversion = 0;   // on top of the total, while a stage makes its model from the one before; the caller, who knows that, fills it in
  /// What stays from step to step.
  double model() const { return parameters + copies + gradients + optimizer + origin; }
  double total() const { return model() + activations + buffers; }
};

MemoryEstimate estimate_memory(const MemoryShape& shape);

}  // namespace sluice::recipes
