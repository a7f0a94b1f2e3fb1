// Sums over the threads of a warp or of a block, always added in the same order. Included in kernels for CUDA only.
#pragma once

#include <device_code.hpp>

namespace sluice::kernels::cuda {

constexpr int kWarp = 32;
constexpr unsigned kAllLanes = 0xffffffffu;

/// The sum of the values of all threads of the warp, the same on each of them.
template <class A>
__device__ A warp_sum(A value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) value += __shfl_xor_sync(kAllLanes, value, distance);
  return value;
}

template <class A>
__device__ A warp_max(A value) {
  for (int distance = kWarp / 2; distance > 0; distance /= 2) {
    const A other = __shfl_xor_sync(kAllLanes, value, distance);
    value = other > value ? other : value;
  }
  return value;
}

/// The sum of the values of all threads of a block of kThreads, the same on each of them.
template <int kThreads, class A>
__device__ A block_sum(A value) {
  value = warp_sum(value);
  if constexpr (kThreads > kWarp) {
    constexpr int warps = kThreads / kWarp;
    __shared__ A parts[warps];
    if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
    __syncthreads();
    value = A(0);
    for (int w = 0; w < warps; ++w) value += parts[w];
    __syncthreads();
  }
  return value;
}

/// The largest value of all threads of a block of kThreads, the same on each of them. NaN counts as smaller than anything.
template <int kThreads, class A>
__device__ A block_max(A value) {
  value = warp_max(value);
  if constexpr (kThreads > kWarp) {
    constexpr int warps = kThreads / kWarp;
    __shared__ A parts[warps];
    if (threadIdx.x % kWarp == 0) parts[threadIdx.x / kWarp] = value;
    __syncthreads();
    value = parts[0];
    for (int w = 1; w < warps; ++w) value = parts[w] > value ? parts[w] : value;
    __syncthreads();
  }
  return value;
}

}  // namespace sluice::kernels::cuda
