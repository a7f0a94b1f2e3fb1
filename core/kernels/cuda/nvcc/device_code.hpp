// What a kernel for CUDA sees of the language and of the run-time, as nvcc gives it. Tests put an emulation on the CPU in its place
// (tests/cuda_emulation/device_code.hpp), so that kernels are tested where there is no device.
//
// A kernel may use: __global__, __device__, __shared__ (fixed sizes only), threadIdx.x, blockIdx.x, blockDim.x, gridDim.x,
// __syncthreads(), __shfl_xor_sync() and __shfl_sync() over whole warps, atomicAdd() on int, and launch().
// No thread of a block may return before the block's last __syncthreads(), nor one of a warp before the warp's last exchange.
#pragma once

#include "core/kernels/cuda/stream.hpp"

#include <cuda_runtime.h>

#include <cmath>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace sluice::kernels::cuda {

/// Starts a kernel of `blocks` blocks of `threads` threads (a multiple of 32) on the stream, and does not wait for it. Starts nothing if
/// there are no blocks. Throws std::runtime_error if it cannot be started.
template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), std::int64_t blocks, int threads, Stream stream, Arguments... arguments) {
  if (blocks == 0) return;
  kernel<<<static_cast<unsigned>(blocks), static_cast<unsigned>(threads), 0, stream>>>(static_cast<Parameters>(arguments)...);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess)
    throw std::runtime_error(std::string("a CUDA kernel was not started: ") + cudaGetErrorString(error));
}

}  // namespace sluice::kernels::cuda
