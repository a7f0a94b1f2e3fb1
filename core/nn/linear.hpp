// y = x W^T for rows x [R, in] and a weight [out, in]; the one way a dense product with a weight is made.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"

namespace sluice {

/// Rows [R, in] -> [R, out] in x's element type. The weight's gradient goes to weight.gradient, whether or not x requires one; x's through
/// autograd. With a filled numerics slot the product is of what the transforms give.
at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics = {});

/// A weight as a node takes it: what `transform` makes of what products see, in accumulation precision, such that autograd's gradient of it
/// ends in the parameter's; or, without a transform and with one that returns what it was given, the parameter itself, whose gradient the
/// node writes.
struct WeightInput {
  at::Tensor tensor;  // the node's input: the transformed weight, or what the parameter's open_use() gave
  bool is_own;        // the latter
};
WeightInput weight_input(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform);

}  // namespace sluice
