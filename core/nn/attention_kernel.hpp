// Which of LibTorch's kernels for scaled dot-product attention would run.
#pragma once

#include "core/tensor/tensor.hpp"

#include <string>

namespace sluice {

struct AttentionKernel {
  std::string name;  // "cuDNN", "flash", "memory-efficient", "math"
  std::string why;   // as a clause: why this one
};

/// The kernel for training on causal attention over long sequences, with heads of size `head_dim`, in the element type and on the device
/// of `options`, under the settings of LibTorch that hold now (deterministic algorithms, say). Allocates a few KB on the device.
AttentionKernel attention_kernel(const at::TensorOptions& options, std::int64_t head_dim);

}  // namespace sluice
