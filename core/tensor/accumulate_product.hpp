// The matrix product that gives the gradient of a weight, added to the gradient so far.
#pragma once

#include "core/tensor/workspaces.hpp"

namespace sluice {

/// sum = beta * sum + lhs^T rhs, with lhs [R, out], rhs [R, in], a contiguous sum of out * in elements, and beta 0 or 1. If lhs and rhs
/// have another type than sum (native bfloat16 products), the product is computed and rounded in their type and then added to sum; the
/// memory for it is borrowed from `workspaces`, or allocated if that is null.
void accumulate_product(const at::Tensor& sum, const at::Tensor& lhs, const at::Tensor& rhs, double beta, Workspaces* workspaces = nullptr);

}  // namespace sluice
