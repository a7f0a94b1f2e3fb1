// Cross-entropy of rows of logits. The gradient can be written over the logits. Legend: R rows, V words of the vocabulary.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Writes nll[r] = logsumexp(logits[r]) - logits[r][targets[r]] to nll [R], for logits [R, V] and targets int64 [R]. It is computed in the
/// accumulation type (core/tensor/dtype_map.hpp) of the logits, which is the type of nll and scales; the sum of exponentials is in float64.
/// A negative target means "no target": nll and gradient are 0. A row that has a NaN or a +infinity, or has only -infinities, gives nll
/// NaN. If scales is undefined, the logits are kept. Otherwise they become the gradient (softmax - onehot(target)) * scales[r], for scales
/// [R]. A target of V or more is a data error (exit 3) in the kernel; in the composed form ATen's gather decides what happens.
void cross_entropy(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales);

}  // namespace sluice::ops
