// RMSNorm of rows: y = weight * x / sqrt(mean(x^2) + eps), computed in the accumulation type (dtype_map.hpp) of x and rounded once.
// A row is as wide as the weight [width]: x of any shape whose elements are whole rows of it, so that heads are normed where they lie.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

struct RmsNorm {
  at::Tensor y;            // as x
  at::Tensor inverse_rms;  // [rows], in the accumulation type, as is the weight
};
RmsNorm rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

struct AddRmsNorm {
  at::Tensor sum, y, inverse_rms;
};
/// sum = x + residual, rounded to their type, then rms_norm of it.
AddRmsNorm add_rms_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps);

struct RmsNormGradients {
  at::Tensor dx;       // as x
  at::Tensor dweight;  // as the weight; zeros if there are no rows
};
RmsNormGradients rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms);

}  // namespace sluice::ops
