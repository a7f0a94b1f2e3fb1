// Language-model head and cross-entropy in one: logits exist only a block of rows at a time, and their gradient is
// finished in the same sweep (cf. Liger's fused linear cross-entropy).
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// Sum over rows of -log softmax(x W^T)[target], times `scale` in the gradient (1 / global count); the returned scalar is
/// scale * sum, differentiable in x; the head's gradient is written at once. x [N, D], targets int64 [N], head [V, D].
/// `nll` (optional) receives each row's value, [N]. With numerics the product is composed from nn/linear, all logits at once.
at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& targets, Parameter& head, double scale, at::Tensor* nll = nullptr,
                                const Numerics& numerics = {});

/// Each row's -log softmax(x W^T)[target], [N], without gradient; `logits` (optional) receives [N, V].
at::Tensor token_nll(const at::Tensor& x, const at::Tensor& targets, Parameter& head, at::Tensor* logits = nullptr, const Numerics& numerics = {});

}  // namespace sluice
