// Language-model head and cross-entropy in one: logits exist only a block of rows at a time, and their gradient is
// finished in the same sweep (cf. Liger's fused linear cross-entropy).
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// Rows whose logits exist at once, a few MiB of them: large enough for an efficient product, small enough to stay in cache.
std::int64_t loss_block_rows(std::int64_t vocabulary);

/// scale * (sum over rows of -log softmax(x W^T)[target]), differentiable in x [N, D] and in the head's weight W [V, D] (as numerics
/// transform them); targets int64 [N]. `nll` (optional) receives each row's value, [N], unscaled.
/// The gradients are made in forward, so all they are multiplied by must be in `scale`: a number known before. Backward takes no incoming
/// gradient but 1 (a sum of such terms): c10::Error that names `term` else.
at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& targets, Parameter& head, double scale, at::Tensor* nll = nullptr,
                                const Numerics& numerics = {}, const char* term = "loss");

/// Each row's -log softmax(x W^T)[target], [N], without gradient.
at::Tensor token_nll(const at::Tensor& x, const at::Tensor& targets, Parameter& head, const Numerics& numerics = {});

/// max |x_a W_a^T - x_b W_b^T| over rows [N, D] of two models with one vocabulary, a block of rows at a time; NaN if there is one.
double max_logit_difference(const at::Tensor& x_a, Parameter& head_a, const Numerics& numerics_a, const at::Tensor& x_b, Parameter& head_b,
                            const Numerics& numerics_b);

}  // namespace sluice
