// Moving rows: to their sorted places, back with their sums, and into embedding gradients. Each output element is added up
// by one thread in a stated order. T: float, double, BFloat16; sums in A = AccumulateOf<T>.
#pragma once

#include <cstdint>

#include "core/kernels/bfloat16.hpp"

namespace sluice::kernels {

/// out[r] = x[index[r]], out [rows, width]; a negative index gives a row of zeros.
template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t rows, std::int64_t width, T* out);

/// y[n] = sum over k = 0..K-1, in this order, of rows[slot[n, k]], skipping negative slots; rounded to T once. y [N, width].
template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y);

/// dweight[ids[n]] += dy[n] for n = 0..N-1, in this order. dy [N, D], dweight [V, D].
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
