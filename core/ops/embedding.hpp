// Rows of a table by token id.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// table [V, D], ids int64 [N] -> rows [N, D]. ATen throws for an id outside [0, V).
at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);

/// dtable[ids[n]] += dy[n] for n = 0 .. N-1, in this order; dy [N, D], dtable [V, D] in the accumulation type (dtype_map.hpp) of dy.
/// An id outside [0, V) is a data error (exit 3) of the kernel, and whatever ATen does composed.
void embedding_backward(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable);

}  // namespace sluice::ops
