#include "core/tensor/dtype_map.hpp"

#include "core/base/error.hpp"

#include <ATen/Functions.h>

namespace sluice {

at::ScalarType to_torch(DType type) {
  switch (type) {
    case DType::kFloat32: return at::kFloat;
    case DType::kBFloat16: return at::kBFloat16;
    case DType::kFloat64: return at::kDouble;
    case DType::kInt64: return at::kLong;
    case DType::kInt32: return at::kInt;
    case DType::kUInt8: return at::kByte;
  }
  throw usage_error("element type {} has no LibTorch twin", static_cast<int>(type));
}

DType from_torch(at::ScalarType type) {
  switch (type) {
    case at::kFloat: return DType::kFloat32;
    case at::kBFloat16: return DType::kBFloat16;
    case at::kDouble: return DType::kFloat64;
    case at::kLong: return DType::kInt64;
    case at::kInt: return DType::kInt32;
    case at::kByte: return DType::kUInt8;
    default: throw usage_error("LibTorch's element type {} is not one that Sluice stores", at::toString(type));
  }
}

at::ScalarType accumulate_type(at::ScalarType type) {
  return type == at::kDouble ? at::kDouble : at::kFloat;
}

bool has_fast_bfloat16() {
  // LibTorch's own test before it hands bfloat16 products to oneDNN (AVX512BW, VL and DQ).
#if defined(__x86_64__)
  static const bool fast = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  return fast;
#else
  return false;
#endif
}

at::ScalarType product_type(at::ScalarType type) {
  return type == at::kBFloat16 && !has_fast_bfloat16() ? at::kFloat : type;
}

at::Tensor to_product(const at::Tensor& x) {
  return x.to(product_type(x.scalar_type()));
}

}  // namespace sluice
