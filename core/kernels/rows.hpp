// Moves rows: copies them to sorted places, adds them up per token, and adds them to the gradient of an embedding. Each output
// element is added up by one thread in a fixed order. T: float, double, BFloat16; sums in A = AccumulateOf<T>.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// out[r] = x[index[r]], with rows of `width` elements, index [rows] and out [rows, width]. A negative index gives a row of zeros.
template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t rows, std::int64_t width, T* out);

/// y[n] = sum over k = 0..K-1, in this order, of rows[slot[n, k]], rounded to T once. Negative slots are skipped. rows [any, width],
/// slot [N, K], y [N, width].
template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y);

/// dweight[ids[n]] += dy[n] for n = 0..N-1, in this order. ids [N], dy [N, D], dweight [V, D].
/// Data error (exit 3) for an id outside [0, V).
template <class T>
void embedding_backward(const T* dy, const std::int64_t* ids, std::int64_t N, std::int64_t D, std::int64_t V, AccumulateOf<T>* dweight);

namespace reference {

template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t rows, std::int64_t width, T* out);
template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y);
template <class T>
void embedding_backward(const T* dy, const std::int64_t* ids, std::int64_t N, std::int64_t D, std::int64_t V, AccumulateOf<T>* dweight);

}  // namespace reference
}  // namespace sluice::kernels
