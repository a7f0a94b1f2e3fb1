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

}  // namespace sluice
