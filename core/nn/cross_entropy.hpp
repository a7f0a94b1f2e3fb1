// The language-model head and the cross-entropy in one function. Logits exist for a block of rows at a time, and their gradient is computed
// in the same sweep (compare Liger's fused linear cross-entropy). Legend: N rows, D model width, V vocabulary.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// How many rows have logits in memory at once, at least 64. On the CPU about 2^21 / vocabulary: enough for an efficient product, few
/// enough to stay in cache. On a device 2^27 / vocabulary: each block reads the whole head and makes a whole gradient of it.
std::int64_t loss_block_rows(std::int64_t vocabulary, at::Device device);

/// Returns scale * (sum over rows of -log softmax(x W^T)[target]), a scalar, for rows x [N, D], the head's weight W [V, D] and int64
/// targets [N]. It is differentiable in x and W; `numerics` may transform both before the product. `nll`, if given, receives -log softmax(x
/// W^T)[target] of each row, [N], not multiplied by `scale`.
/// The gradients are computed in forward, so every factor of them must be in `scale`. Backward accepts no incoming gradient but 1, which a
/// sum of such terms gives. For another one it throws a c10::Error that names `term`; on a device, where the value cannot be read without
/// waiting, the device asserts instead.
at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& targets, Parameter& head, double scale, at::Tensor* nll = nullptr,
                                const Numerics& numerics = {}, const char* term = "loss");

/// Returns -log softmax(x W^T)[target] of each row, [N], without gradient.
at::Tensor token_nll(const at::Tensor& x, const at::Tensor& targets, Parameter& head, const Numerics& numerics = {});

/// Returns the largest |x_a W_a^T - x_b W_b^T| over all rows and words, for the same N rows in two models with one vocabulary. Computed a
/// block of rows at a time. NaN if any difference is NaN.
double max_logit_difference(const at::Tensor& x_a, Parameter& head_a, const Numerics& numerics_a, const at::Tensor& x_b, Parameter& head_b,
                            const Numerics& numerics_b);

}  // namespace sluice
