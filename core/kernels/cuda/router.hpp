// The router on a CUDA device: core/kernels/router_logits.hpp and top_k.hpp with the same promises. Each function starts its work on the
// stream and does not wait for it.
#pragma once

#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

/// Writes out [N, E] = x [N, D] times w [E, D] transposed. Every dot product is added up in one order that depends on D only: 32 products
/// after each other, and then the sums of these.
template <class T>
void router_logits(const T* x, const AccumulateOf<T>* w, std::int64_t N, std::int64_t E, std::int64_t D, AccumulateOf<T>* out,
                   Stream stream);

/// A: float or double. Writes experts [N, K] as the CPU's top_k does, in 64 bits. Requires 0 <= K <= E.
template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int64_t* experts, Stream stream);

/// Writes the softmax of each row of logits [N, E] to scores [N, E], and the logarithm of the sum of its exponentials to log_sums [N].
/// Added up in one order that depends on E only.
template <class A>
void softmax(const A* logits, std::int64_t N, std::int64_t E, A* scores, A* log_sums, Stream stream);

/// Writes dlogits [N, E] = scores * (dscores - sum of dscores * scores) + dlog_sums * exp(logits - log_sums). dscores or dlog_sums may be
/// null: 0.
template <class A>
void softmax_backward(const A* dscores, const A* dlog_sums, const A* logits, const A* scores, const A* log_sums, std::int64_t N,
                      std::int64_t E, A* dlogits, Stream stream);

/// Writes 1 / (1 + exp(-x)) for each of `count` elements.
template <class A>
void sigmoid(const A* logits, std::int64_t count, A* out, Stream stream);

}  // namespace sluice::kernels::cuda
