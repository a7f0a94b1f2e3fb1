// Which of LibTorch's kernels for scaled dot-product attention would run.
#pragma once

#include "core/tensor/tensor.hpp"

#include <string>

namespace sluice {

struct AttentionKernel {
  std::string name;  // "cuDNN", "flash", "memory-efficient", "math"
  std::string why;   // as a clause: why this one
};

/// Whether the kernel for queries of this type and device takes fewer key/value heads than query heads: those for bfloat16 on a GPU do.
/// Others would compute the scores of all pairs in memory, and get repeated heads instead.
bool takes_shared_heads(const at::Tensor& queries);

/// The kernel for training on causal attention over long sequences, with two query heads of size `head_dim` to a key/value head, in the
/// element type and on the device of `options`, under the settings of LibTorch that hold now (deterministic algorithms, say). Allocates a
/// few KB on the device.
AttentionKernel attention_kernel(const at::TensorOptions& options, std::int64_t head_dim);

}  // namespace sluice
