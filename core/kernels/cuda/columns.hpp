// Chosen columns of rows on a CUDA device (core/ops/columns.hpp). Each function starts its work on the stream and does not wait for it.
#pragma once

#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

/// A: float or double. Writes out [N, K] = values[n, columns[n, k]] of values [N, E].
template <class A>
void pick_columns(const A* values, const std::int64_t* columns, std::int64_t N, std::int64_t E, std::int64_t K, A* out, Stream stream);

/// Writes out [N, E]: the sum, over k in order, of the values [N, K] whose column is e.
template <class A>
void place_columns(const A* values, const std::int64_t* columns, std::int64_t N, std::int64_t E, std::int64_t K, A* out, Stream stream);

}  // namespace sluice::kernels::cuda
