// core/kernels/reduce.hpp on a CUDA device. Each function starts its work on the stream and does not wait for it. A: float or double.
#pragma once

#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

/// The number of partial sums of n elements.
std::int64_t sum_of_squares_parts(std::int64_t n);
/// Writes the sum of the squares, added up in float64 in an order that depends on n only. `parts` is memory for sum_of_squares_parts(n)
/// numbers.
template <class A>
void sum_of_squares(const A* x, std::int64_t n, double* sum, double* parts, Stream stream);

/// Writes whether no element is NaN or infinite.
template <class A>
void all_finite(const A* x, std::int64_t n, bool* finite, Stream stream);

}  // namespace sluice::kernels::cuda
