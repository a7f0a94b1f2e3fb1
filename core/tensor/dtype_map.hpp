// DType <-> LibTorch, and the precisions that belong together (DESIGN: numbers).
#pragma once

#include "core/base/dtype.hpp"

#include <ATen/core/Tensor.h>

#include <string>

namespace sluice {

at::ScalarType to_torch(DType type);
DType from_torch(at::ScalarType type);

/// The precision of router, norms' weights, loss, reductions and optimizer state: float64 for float64, else float32.
at::ScalarType accumulate_type(at::ScalarType type);

/// The element type that a tensor made with `options` has.
at::ScalarType type_of(const at::TensorOptions& options);
/// `options` with the precision that belongs to theirs.
at::TensorOptions accumulate_options(const at::TensorOptions& options);

/// How this process would multiply bfloat16 matrices on the CPU: natively where the table of core/base/processor.hpp says so and LibTorch has
/// oneDNN, else as float32 ones, and bfloat16 is storage only. The environment variable SLUICE_BFLOAT16_PRODUCTS (native or float32)
/// overrides that, for experiments; usage error if it is neither.
struct Bfloat16Products {
  bool native = false;
  std::string why;  // a clause for a message
};
Bfloat16Products best_bfloat16_products();

/// Whether `device` multiplies bfloat16 natively: a CUDA device from compute capability 8.0 on, the CPU as is best unless set, and all
/// others, meta among them, as the CPU does. The CPU's choice is one of the whole job and of its run (recipes/stages/rank_abilities.hpp):
/// native products are rounded to bfloat16, the others are not.
bool native_bfloat16(at::Device device);
/// On the CPU, from now on. Not while a model is used whose `compute` was made before (Parameter::refresh_compute).
void set_native_bfloat16(bool native);

/// The type that products of `type` are computed in on `device`: float32 for bfloat16 unless that is native there, else `type`.
at::ScalarType product_type(at::ScalarType type, at::Device device);

/// `x` in the product_type of its type and device: the same tensor, or a float32 copy of a bfloat16 one.
at::Tensor to_product(const at::Tensor& x);

}  // namespace sluice
