// Cross-entropy of rows of logits, with its gradient written over them.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// nll[r] = logsumexp(logits[r]) - logits[r][targets[r]] of logits [R, V], targets int64 [R] and nll [R], which is in the accumulation type
/// (dtype_map.hpp) of the logits, as everything is computed; the sum of exponentials in float64. A negative target is none: nll and
/// gradient 0. A row with a NaN or +infinity, or of -infinities only, has nll NaN.
/// scales undefined: the logits are kept. Else they become (softmax - onehot(target)) * scales[r], scales [R] in the accumulation type.
/// A target of V or more is a data error (exit 3) of the kernels, and whatever ATen's gather does composed.
void cross_entropy(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales);

}  // namespace sluice::ops
