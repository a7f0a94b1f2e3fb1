// The embedding: rows of a table, chosen by token id. Legend: N tokens, V words of the vocabulary, D width.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Returns rows [N, D] with rows[n] = table[ids[n]], for table [V, D] and ids int64 [N]. ATen throws for an id outside [0, V).
at::Tensor embedding(const at::Tensor& table, const at::Tensor& ids);

/// dtable[ids[n]] += dy[n] for n = 0 .. N-1, in this order, for dy [N, D] and dtable [V, D], which has the accumulation type
/// (core/tensor/dtype_map.hpp) of dy. An id outside [0, V) is a data error (exit 3) in the kernel; in the composed form ATen decides what
/// happens.
void embedding_backward(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable);

}  // namespace sluice::ops
