// Router scores and the choice of experts. N tokens, E experts, K experts per token; A: float or double.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// experts [N, K]: per token, the K experts of largest scores[n, e] + bias[e] (scores [N, E]; bias [E], or null for none,
/// counts for the choice only), largest first; equal ones by ascending expert index. A NaN counts as lower than
/// everything else. Usage error (exit 2) if K > E.
template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int32_t* experts);

/// out = softmax of each row of logits [N, E]. out may be logits.
template <class A>
void row_softmax(const A* logits, std::int64_t N, std::int64_t E, A* out);

/// out = 1 / (1 + exp(-logits)), [N, E]. out may be logits.
template <class A>
void row_sigmoid(const A* logits, std::int64_t N, std::int64_t E, A* out);

namespace reference {

template <class A>
void top_k(const A* scores, const A* bias, std::int64_t N, std::int64_t E, std::int64_t K, std::int32_t* experts);
template <class A>
void row_softmax(const A* logits, std::int64_t N, std::int64_t E, A* out);
template <class A>
void row_sigmoid(const A* logits, std::int64_t N, std::int64_t E, A* out);

}  // namespace reference
}  // namespace sluice::kernels
