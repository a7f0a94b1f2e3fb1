// Copies rows to their sorted places, and adds them up per token on the way back.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Returns out [R, D] with out[r] = x[index[r]], for x [S, D] and index int64 [R]. A negative index gives a row of zeros.
at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& index);

/// Returns y [N, D] with y[n] = sum over k = 0 .. K-1, in this order, of rows[slots[n, k]], for rows [R, D] and slots int64 [N, K].
/// Negative slots are skipped. The sum is computed in the accumulation type (core/tensor/dtype_map.hpp) of the rows and rounded once.
at::Tensor combine_rows(const at::Tensor& rows, const at::Tensor& slots);

}  // namespace sluice::ops
