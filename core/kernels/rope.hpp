// Rotary position embedding (Su et al., 2021), rotate-half order as in Hugging Face's Llama and Qwen3: within a head,
// element j is paired with j + head_dim/2. T: float, double, BFloat16; computed in A = AccumulateOf<T>.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// Fills the tables cos and sin [positions, head_dim/2]: entry [p, j] is the cosine (sine) of p * theta^(-2j/head_dim), computed in double
/// and rounded to A. A: float or double. Usage error (exit 2) if head_dim is odd.
template <class A>
void rope_tables(double theta, std::int64_t head_dim, std::int64_t positions, A* cos, A* sin);

/// Rotates heads in place. Row r has `heads` heads of head_dim elements, one after the other, from x + r * row_stride (in elements); they
/// are rotated by the angles of table row position[r]. `inverse` rotates back, which is the backward pass.
template <class T>
void rope_rotate(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* position, std::int64_t rows,
                 std::int64_t heads, std::int64_t head_dim, std::int64_t row_stride, bool inverse);

namespace reference {

template <class T>
void rope_rotate(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* position, std::int64_t rows,
                 std::int64_t heads, std::int64_t head_dim, std::int64_t row_stride, bool inverse);

}  // namespace reference
}  // namespace sluice::kernels
