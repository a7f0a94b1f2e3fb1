// y = x W^T for rows x [R, in] and a weight [out, in]; the one way a dense product with a weight is made.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// Rows [R, in] -> [R, out] in x's element type. The weight's gradient goes to weight.grad; x's through autograd.
/// With a filled numerics slot the composed form is used: transforms, then a plain product.
at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics = {});

/// The product without autograd: x in any of our types, result in x's type.
at::Tensor product(const at::Tensor& x, const at::Tensor& weight_transposed);

/// Runs a transform on the value of `weight` so that autograd's gradient of the result ends in weight.grad.
at::Tensor transformed_weight(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform);

}  // namespace sluice
