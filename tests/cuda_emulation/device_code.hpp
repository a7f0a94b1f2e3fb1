// core/kernels/cuda/nvcc/device_code.hpp on the CPU: kernels for CUDA as plain C++, one thread of the host running all their threads in
// turns. Each thread of a block is a fiber that runs until it waits for the others.
//
// It is strict where a device would only misbehave: it stops the process with a message if a thread ends, or waits elsewhere, while
// others of its block or warp wait for it. Blocks run one after the other, and the threads of a block in an order that set_emulated_order()
// chooses: results that depend on the order show a missing __syncthreads(). Shared memory holds NaN or nonsense when a block begins only
// if an earlier block left it so.
#pragma once

#include "core/kernels/cuda/stream.hpp"
#include "tests/cuda_emulation/order.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>

#define __global__
#define __device__
#define __shared__ static

namespace sluice::testing {

struct EmulatedIndex {
  unsigned x = 0;
};

/// Runs body() once for each thread of each block, with threadIdx, blockIdx, blockDim and gridDim set.
void emulate_kernel(std::int64_t blocks, int threads, const std::function<void()>& body);
void emulated_block_barrier();
void emulated_warp_barrier();
/// The eight bytes with which the thread number `lane` of the own warp takes part in an exchange.
std::uint64_t& emulated_lane_value(int lane);
int emulated_lane();

}  // namespace sluice::testing

inline sluice::testing::EmulatedIndex threadIdx, blockIdx, blockDim, gridDim;

inline void __syncthreads() { sluice::testing::emulated_block_barrier(); }

template <class T>
T __shfl_sync(unsigned, T value, int lane) {
  static_assert(sizeof(T) <= sizeof(std::uint64_t));
  std::memcpy(&sluice::testing::emulated_lane_value(sluice::testing::emulated_lane()), &value, sizeof(T));
  sluice::testing::emulated_warp_barrier();
  T result;
  std::memcpy(&result, &sluice::testing::emulated_lane_value(lane), sizeof(T));
  sluice::testing::emulated_warp_barrier();
  return result;
}

template <class T>
T __shfl_xor_sync(unsigned mask, T value, int distance) {
  return __shfl_sync(mask, value, sluice::testing::emulated_lane() ^ distance);
}

inline int atomicAdd(int* address, int value) {
  const int before = *address;
  *address += value;
  return before;
}

namespace sluice::kernels::cuda {

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), std::int64_t blocks, int threads, Stream, Arguments... arguments) {
  sluice::testing::emulate_kernel(blocks, threads, [&] { kernel(static_cast<Parameters>(arguments)...); });
}

}  // namespace sluice::kernels::cuda
