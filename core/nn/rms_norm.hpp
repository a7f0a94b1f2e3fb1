// Root-mean-square normalisation: y = x / sqrt(mean(x^2) + eps) * weight over the last dimension (Zhang & Sennrich 2019),
// with Hugging Face's order of roundings (normalise in float32, then times weight).
#pragma once

#include "core/nn/parameter.hpp"

#include <utility>

namespace sluice {

/// Rows [R, D] -> [R, D].
at::Tensor rms_norm(const at::Tensor& x, Parameter& weight, double eps);

/// {x + residual, rms_norm(x + residual)} in one pass over memory.
std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x, const at::Tensor& residual, Parameter& weight, double eps);

// For the inside of an autograd node:
/// {y, inverse rms} of x seen as rows as wide as the weight.
std::pair<at::Tensor, at::Tensor> norm_rows(const at::Tensor& x, const Parameter& weight, double eps);
/// dx; the weight's gradient, which comes of the same pass, is kept where it is trained.
at::Tensor norm_rows_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& inverse_rms, Parameter& weight,
                              bool weight_is_trained);

}  // namespace sluice
