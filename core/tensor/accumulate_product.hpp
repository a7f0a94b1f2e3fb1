// The product of a weight's gradient, added to what is there.
#pragma once

#include "core/tensor/workspaces.hpp"

namespace sluice {

/// sum = beta * sum + lhs^T rhs for lhs [R, out], rhs [R, in] and a contiguous sum of out x in elements; beta 0 or 1. Factors of another
/// type than the sum's (native bfloat16 products) are multiplied in theirs, which rounds the product once, and then added; `workspaces` has the memory for that.
void accumulate_product(const at::Tensor& sum, const at::Tensor& lhs, const at::Tensor& rhs, double beta, Workspaces* workspaces = nullptr);

}  // namespace sluice
