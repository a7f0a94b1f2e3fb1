// Root-mean-square normalisation (Zhang & Sennrich 2019): y = x / sqrt(mean(x^2) + eps) * weight, the mean being over the last dimension.
// Computed in the accumulation type (core/tensor/dtype_map.hpp) and rounded once, at the end. Legend: R rows, D width.
#pragma once

#include "core/nn/parameter.hpp"

#include <utility>

namespace sluice {

/// x [R, D] and weight [D] -> y [R, D], in the element type of x. The weight's gradient goes to weight.gradient.
at::Tensor rms_norm(const at::Tensor& x, Parameter& weight, double eps);

/// Returns {x + residual, rms_norm(x + residual)}, computed in one pass over memory.
std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x, const at::Tensor& residual, Parameter& weight, double eps);

// The following two are for the inside of an autograd node; autograd does not record them.

/// Returns {y, 1 / sqrt(mean(x^2) + eps) of each row}. The elements of x, in memory order, are cut into rows as wide as the weight.
std::pair<at::Tensor, at::Tensor> norm_rows(const at::Tensor& x, const Parameter& weight, double eps);
/// Returns the gradient of x from dy, the gradient of y. If `weight_is_trained`, also adds the weight's gradient, which the same pass
/// gives, to weight.gradient.
at::Tensor norm_rows_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& inverse_rms, Parameter& weight,
                              bool weight_is_trained);

}  // namespace sluice
