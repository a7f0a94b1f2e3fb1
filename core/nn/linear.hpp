// y = x W^T for rows x [R, in] and a weight [out, in]; the one way a dense product with a weight is made.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// Rows [R, in] -> [R, out] in x's element type. The weight's gradient goes to weight.gradient, whether or not x requires one; x's through
/// autograd. With a filled numerics slot the product is of what the transforms give.
at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics = {});

/// What products see of `weight`, transformed, such that autograd's gradient of the result ends in weight.gradient. No transform: as it is.
at::Tensor transformed_weight(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform);

}  // namespace sluice
