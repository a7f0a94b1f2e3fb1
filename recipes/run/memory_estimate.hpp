// Estimates how much memory one rank needs, before anything is allocated.
//
// Bytes of an element: a in the model's dtype; p in the type that matrix products are computed in (of a bfloat16 model bfloat16 or
// float32); s of master weights, gradients and moments (4, of float64 models 8); c = p if a product first copies its operands into that
// type (p is not a), else 0.
// Held by a rank all the time, for its P = dense_parameters + expert_parameters / expert parameters:
//   parameters      P s
//   copies          P p                                  of a bfloat16 model, the copies that products read; other models have none
//   gradients       P s
//   optimizer       2 P s
//   origin          O a                                  the dense feed-forwards that the experts were made of, kept to compare them
// Kept for the backward pass, for N = micro_batch_size * seq_length rows. D hidden_size, V vocab_size, H heads, K key-value heads,
// h head_dim, E num_experts, E' num_families (router rows), k top_k, F intermediate_size in a dense layer and expert_hidden_size in an MoE
// layer, F_shared shared_hidden_size:
//   attention       N (2 a D + 4 p H h + s H + s + 8)     residual, its norm; q, k, v (k, v for each query head), output; log-sum-exp;
//                                                         scale of the norm; positions
//                   N a H h                               if c is not 0: the output once more
//                   N (a (H + K) h + s (H + K or 2))      with q/k-norm: q and k before it, their scales (by head, or 2)
//   dense SwiGLU    N (a (2 D + 3 F) + s)                 residual, its norm, gate, up, their product; scale of the norm
//   MoE layer       N (a (2 D + 3 F_shared) + s + 2 s E') as a dense SwiGLU of the shared experts; router logits and scores
//                   N k (36 + 2 s)                        the plan, the choice, weights before and after they are normalised
//                   N k (24 + 7 s) family_levels          the choice among a family's children
//                   R (a (D + 2 F) + s)                   R = N k rows at even load: inputs in expert order, gate and up, weights
//                   2 a F max(8 E / expert, R / 40)       with bfloat16 products: gate and up of the rows that core/ops/row_grid.hpp adds
//                   R 16                                  with an exchange that spans ranks: the order of arrival and its inverse
//   the ends        N (3 a D + 2 s + 16)                  last residual, its norm, the norm's gradient; scale, losses; ids, targets
//   RoPE            seq_length h s                        cosines and sines
//   on a device     R a F                                 the product of gate and up too, but none of the rows that the grid adds
// What is recomputed is not kept (core/shape/recompute.hpp):
//   layer           N 2 a D and the choice and plan        of each layer, in place of all above but the ends
//   attention       N (2 a D + s + 8)                      of each attention
//   experts         R (a D + s)                            of the routed experts of each MoE layer, without gate and up
// `buffers`, needed besides at the worst moment of a step, is the largest of
//   loss            min(N, B) (V p + c D) + N c D         a block of logits (B rows, core/nn/cross_entropy.hpp), gradient of its rows,
//                   V D p                                 copy of all rows; with bfloat16 products a gradient of the head to be added
//   backward        through the last layer: what its widest function allocates, less what is freed by then (memory_estimate.cpp); and what
//                   is recomputed of it
//   reduction       the receive buffers, less the activations, which are freed by then
// To backward and reduction the workspaces of the loss (logits, head's gradient) are added, as far as they are not used again: the arena
// (core/tensor/workspaces.hpp) keeps them.
// At even load each rank has N k rows in a layer. If all rows of the expert group go to one rank, that rank needs in addition
//   worst_load      (expert - 1) times the bytes above that are kept for R rows, in each MoE layer
// Not counted: the libraries themselves, MPI's own buffers, the data, blocks inside of kernels.
#pragma once

#include "core/base/dtype.hpp"
#include "core/shape/recompute.hpp"

#include <cstdint>
#include <string>

namespace sluice::recipes {

struct MemoryShape {
  std::int64_t dense_parameters = 0;   // everything but routed experts
  std::int64_t expert_parameters = 0;  // all routed experts of all layers together
  std::int64_t origin_parameters = 0;  // O, of the dense feed-forwards; 0 where experts are not made of any
  std::int64_t expert = 1;             // parallel.expert
  DType dtype = DType::kFloat32;
  DType product = DType::kFloat32;  // the type that matrix products of `dtype` are computed in
  std::int64_t threads = 1;         // threads that work on experts at the same time
  std::int64_t receive_bytes = 0;   // of the gradient reduction (parallel::reduction_buffer_bytes)

  std::int64_t micro_batch_size = 1;  // sequences that are computed at once
  std::int64_t seq_length = 1;
  std::int64_t vocab_size = 0;
  std::int64_t loss_block_rows = 0;  // B
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
  std::int64_t num_families = 0;   // router rows
  std::int64_t family_levels = 0;  // doublings from a family to its experts
  std::int64_t top_k = 0;
  std::int64_t expert_hidden_size = 0;
  std::int64_t shared_hidden_size = 0;  // of all shared experts of a layer together
  bool spanning_exchange = false;       // rows travel: one that spans ranks (parallel/plan/exchange_kind.hpp)
  Recompute recompute = Recompute::kNone;
  bool on_device = false;  // a device multiplies all experts of a rank at once, and keeps the product of gate and up
};

/// Bytes on one rank.
struct MemoryEstimate {
  double parameters = 0;
  double copies = 0;
  double gradients = 0;
  double optimizer = 0;
  double origin = 0;
  double activations = 0;  // kept for the backward pass, at even load
  double buffers = 0;      // needed besides all these at the worst moment of a step
  double worst_load = 0;   // on top of the total, if every token chose the experts of one rank
  double conversion = 0;   // on top of the total, while a stage converts the model before it; 0 here, the caller fills it in
  /// What stays from step to step.
  double model() const { return parameters + copies + gradients + optimizer + origin; }
  double total() const { return model() + activations + buffers; }
};

MemoryEstimate estimate_memory(const MemoryShape& shape);

/// The three largest parts of the estimate of a stage, with the keys of a recipe that make them smaller, as a clause: "activations 3.1 GiB
/// (train.micro_batch_size, data.seq_length, train.recompute: layer), ...".
std::string largest_parts(const MemoryEstimate& estimate, bool is_sparse, Recompute recompute);

}  // namespace sluice::recipes
