// DType <-> LibTorch, and the precisions that belong together (DESIGN: numbers).
#pragma once

#include "core/base/dtype.hpp"

#include <ATen/core/Tensor.h>

namespace sluice {

at::ScalarType to_torch(DType type);
DType from_torch(at::ScalarType type);

/// The precision of router, norms' weights, loss, reductions and optimizer state: float64 for float64, else float32.
at::ScalarType accumulate_type(at::ScalarType type);

/// Whether this processor multiplies bfloat16 matrices natively (AVX512BW or better). Where it does not, LibTorch falls to
/// a kernel 50-500x slower than float32, so bfloat16 is then storage only and products are computed in float32.
bool has_fast_bfloat16();

/// The type that products of `type` are computed in here: float32 for bfloat16 without native support, else `type`.
at::ScalarType product_type(at::ScalarType type);

/// `x` as product_type(x): the same tensor, or a float32 copy of a bfloat16 one.
at::Tensor to_product(const at::Tensor& x);

}  // namespace sluice
