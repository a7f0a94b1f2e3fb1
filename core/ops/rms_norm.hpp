// RMSNorm (Zhang and Sennrich, 2019) of rows: y = weight * x / sqrt(mean(x^2) + eps), computed in the accumulation type
// (core/tensor/dtype_map.hpp) of x and rounded once. The weight [width] and inverse_rms are in the accumulation type. x has any shape; its
// elements in memory order are cut into rows of `width`, so that x may be hidden rows or the heads of all tokens. c10::Error if they
// cannot be cut so.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

struct RmsNorm {
  at::Tensor y;            // shape and type of x
  at::Tensor inverse_rms;  // [rows] 1 / sqrt(mean(x^2) + eps), for the backward pass
};
RmsNorm rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps);

struct AddRmsNorm {
  at::Tensor sum, y, inverse_rms;
};
/// Returns sum = x + residual, rounded to their type, and rms_norm() of that sum.
AddRmsNorm add_rms_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps);

struct RmsNormGradients {
  at::Tensor dx;       // shape and type of x
  at::Tensor dweight;  // [width]; zeros if there are no rows
};
/// The gradients of rms_norm() from dy, the gradient of y, which has the shape and type of x.
RmsNormGradients rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms);

}  // namespace sluice::ops
