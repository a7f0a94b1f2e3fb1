// y = x W^T for rows x [R, in] and a weight W [out, in]: the products of attention and of dense feed-forwards.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// Returns rows [R, out] in the element type of x. The weight's gradient goes to weight.gradient, whether or not x requires a gradient; the
/// gradient of x goes through autograd. `numerics` may transform x and the weight before the product.
at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics = {});

/// A weight in the form in which an autograd node takes it. There are two cases. Without a transform, or if the transform returns its
/// argument unchanged, the node multiplies by weight.compute and writes weight.gradient itself. With a transform, the node multiplies by
/// the transformed weight and returns its gradient to autograd, which carries it through the transform into weight.gradient.
struct WeightInput {
  at::Tensor tensor;  // the node's input: what weight.open_use() returned, or the transformed weight, in the accumulation type
  bool is_own;        // the first case: the node uses weight.compute and writes weight.gradient
};
/// Applies `transform` (which may be empty) to the weight as products see it, converted to the accumulation type.
WeightInput weight_input(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform);

}  // namespace sluice
