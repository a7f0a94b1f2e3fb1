// DType to and from LibTorch's element types, and the types in which values of a type are accumulated and multiplied.
#pragma once

#include "core/base/dtype.hpp"

#include <ATen/core/Tensor.h>

#include <string>

namespace sluice {

// Both throw a usage error (exit 2) for a type that the other side does not have.
at::ScalarType to_torch(DType type);
DType from_torch(at::ScalarType type);

/// The accumulation type of values of `type`: float64 for float64, else float32. The router, the weights of norms, the loss, reductions and
/// the state of the optimizer are in this type.
at::ScalarType accumulate_type(at::ScalarType type);

/// The element type of `options`.
at::ScalarType type_of(const at::TensorOptions& options);
/// `options` with the accumulation type of their element type.
at::TensorOptions accumulate_options(const at::TensorOptions& options);

/// How this process would best multiply bfloat16 matrices on the CPU.
struct Bfloat16Products {
  bool native = false;  // true: in bfloat16; false: converted to float32, so that bfloat16 is storage only
  std::string why;      // a clause for a message
};
/// Native if LibTorch has oneDNN and multiplies_bfloat16_natively() (core/base/processor.hpp) says yes. For experiments, the environment
/// variable SLUICE_BFLOAT16_PRODUCTS (native or float32) overrides both; any other value is a usage error (exit 2).
Bfloat16Products best_bfloat16_products();

/// Whether CUDA devices of this major compute capability have tensor cores for bfloat16: from Ampere's 8 on.
constexpr bool multiplies_bfloat16(int major) { return major >= 8; }

/// Whether `device` multiplies bfloat16 natively. A CUDA device does if multiplies_bfloat16() says so. The CPU follows
/// set_native_bfloat16(), or best_bfloat16_products() if that was not called. Other devices, such as meta, do as the CPU. All ranks and all
/// parts of a run must use the same choice (recipes/stages/rank_abilities.hpp), because native products are rounded to bfloat16 and others
/// are not.
bool native_bfloat16(at::Device device);
/// Sets the choice for the CPU from now on. Not while a model is in use whose copies for computing (Parameter::refresh_compute) were made
/// with the other choice.
void set_native_bfloat16(bool native);

/// The type in which matrices of `type` are multiplied on `device`: float32 if `type` is bfloat16 and not native there, else `type`.
at::ScalarType product_type(at::ScalarType type, at::Device device);

/// `x` in the product_type() of its type and device: `x` itself, or a float32 copy of a bfloat16 tensor.
at::Tensor to_product(const at::Tensor& x);

}  // namespace sluice
