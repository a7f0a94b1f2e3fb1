// Takes chosen columns out of each row, and puts them back: the gradient of the one is the other. In LibTorch's deterministic mode, ATen's
// own gradient of gather sorts all indices on a device.
// Legend: N rows, E columns (experts, or their families' children), K of them chosen per row.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

/// Returns [N, K]: values[n, columns[n, k]], for values [N, E], float32 or float64, and columns int64 [N, K], each in [0, E).
at::Tensor pick_columns(const at::Tensor& values, const at::Tensor& columns);

/// Returns [N, E]: at [n, e] the sum, over k in order, of the values [N, K] whose column [n, k] is e; 0 where there is none.
at::Tensor place_columns(const at::Tensor& values, const at::Tensor& columns, std::int64_t num_columns);

}  // namespace sluice::ops
