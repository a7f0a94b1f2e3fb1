// Moving rows to their sorted places and back with their sums.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// out[r] = x[index[r]] of x [S, D] and index int64 [R] -> [R, D]; a negative index gives a row of zeros.
at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& index);

/// y[n] = sum over k = 0 .. K-1, in this order, of rows[slots[n, k]], skipping negative slots: rows [R, D], slots int64 [N, K] -> [N, D].
/// Added up in the accumulation type (dtype_map.hpp) of the rows and rounded once.
at::Tensor combine_rows(const at::Tensor& rows, const at::Tensor& slots);

}  // namespace sluice::ops
