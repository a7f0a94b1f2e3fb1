// Settings of LibTorch that decide how a GPU computes. They hold for the whole process. On the CPU nothing depends on them: what computes
// there is deterministic and rounds products as the element type says.
#pragma once

#include "core/tensor/tensor.hpp"

#include <string_view>

namespace sluice {

struct DeviceSettings {
  /// Equal bits in every run: LibTorch refuses functions that have no deterministic form (attention is then flash with a gradient in a
  /// fixed order, never cuDNN's), and sums of bfloat16 products are not split into parts that are rounded.
  bool deterministic = true;
  /// Of float32 products, as LibTorch names it: highest (float32); high and medium (TF32).
  std::string_view matmul_precision = "highest";
};

/// Sets them if `device` is a GPU, and a workspace of fixed size for cuBLAS. Before the first product on it, or cuBLAS has chosen its
/// workspace.
void use_settings(const DeviceSettings& settings, at::Device device);

}  // namespace sluice
