// A CUDA stream as LibTorch and the CUDA run-time name it, without their headers.
#pragma once

struct CUstream_st;

namespace sluice::kernels::cuda {

using Stream = CUstream_st*;

}  // namespace sluice::kernels::cuda
