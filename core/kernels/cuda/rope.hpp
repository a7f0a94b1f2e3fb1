// core/kernels/rope.hpp on a CUDA device: the same operands in device memory and the same rules. Each function starts its work on the
// stream and does not wait for it.
#pragma once

#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

/// Writes cos and sin [positions, half], A: float or double.
template <class A>
void rope_tables(double theta, std::int64_t half, std::int64_t positions, A* cos, A* sin, Stream stream);
/// Turns x [rows, heads * 2 * half] in place.
template <class T>
void rope_rotate(T* x, const AccumulateOf<T>* cos, const AccumulateOf<T>* sin, const std::int64_t* positions, std::int64_t rows,
                 std::int64_t heads, std::int64_t half, bool inverse, Stream stream);

}  // namespace sluice::kernels::cuda
