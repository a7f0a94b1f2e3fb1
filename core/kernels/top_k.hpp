// Router scores and the choice of experts. N tokens, E experts, K experts per token; A: float or double.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// Writes experts [N, K]: for each token the K experts with the largest scores[n, e] + bias[e], largest first; experts with equal values
/// come in ascending order. scores [N, E]; bias [E] is used for this choice only and may be null. A NaN counts as lower than everything
/// else. Usage error (exit 2) if K is negative or larger than E.
template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int32_t* experts);

/// Writes 1 / (1 + exp(-x)) of each element x of logits [N, E] to out [N, E], which may be logits.
template <class A>
void row_sigmoid(const A* logits, std::int64_t N, std::int64_t E, A* out);

namespace reference {

template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int32_t* experts);
template <class A>
void row_sigmoid(const A* logits, std::int64_t N, std::int64_t E, A* out);

}  // namespace reference
}  // namespace sluice::kernels
