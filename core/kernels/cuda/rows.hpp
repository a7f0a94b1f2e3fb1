// core/kernels/rows.hpp on a CUDA device: the same operands in device memory and the same order of sums. Each function starts its work on
// the stream and does not wait for it.
#pragma once

#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

/// As on the CPU, for x [x_rows, width]; an index of x_rows or more gives a row of NaN.
template <class T>
void gather_rows(const T* x, const std::int64_t* index, std::int64_t x_rows, std::int64_t rows, std::int64_t width, T* out, Stream stream);
template <class T>
void combine_rows(const T* rows, const std::int64_t* slot, std::int64_t N, std::int64_t K, std::int64_t width, T* y, Stream stream);
/// `order` [N] sorts the ids stably: ids[order[0]] <= ids[order[1]] ... An id outside [0, V) is passed over.
template <class T>
void embedding_backward(const T* dy, const std::int64_t* ids, const std::int64_t* order, std::int64_t N, std::int64_t D, std::int64_t V,
                        AccumulateOf<T>* dweight, Stream stream);

/// Writes zeros to the rows from number *first to the last of x [rows, width].
template <class T>
void clear_rows_from(T* x, const std::int32_t* first, std::int64_t rows, std::int64_t width, Stream stream);

}  // namespace sluice::kernels::cuda
