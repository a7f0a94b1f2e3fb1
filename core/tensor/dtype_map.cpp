#include "core/tensor/dtype_map.hpp"

#include "core/base/error.hpp"
#include "core/base/processor.hpp"
#include "core/tensor/cuda_device.hpp"

#include <ATen/Context.h>
#include <ATen/Functions.h>

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace sluice {
namespace {

std::atomic<bool>& native_on_cpu() {
  static std::atomic<bool> value{best_bfloat16_products().native};
  return value;
}

}  // namespace

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

at::ScalarType accumulate_type(at::ScalarType type) { return type == at::kDouble ? at::kDouble : at::kFloat; }

at::ScalarType type_of(const at::TensorOptions& options) { return c10::typeMetaToScalarType(options.dtype()); }

at::TensorOptions accumulate_options(const at::TensorOptions& options) { return options.dtype(accumulate_type(type_of(options))); }

Bfloat16Products best_bfloat16_products() {
  constexpr const char* kVariable = "SLUICE_BFLOAT16_PRODUCTS";
  if (const char* wanted = std::getenv(kVariable); wanted != nullptr && *wanted != '\0') {
    const std::string_view value = wanted;
    if (value != "native" && value != "float32") throw usage_error("{}={} is neither native nor float32", kVariable, value);
    return {value == "native", fmt::format("{}={}", kVariable, value)};
  }
  if (!at::hasMKLDNN()) return {false, "this LibTorch was built without oneDNN"};
  const ProductSet set = product_set(this_processor());
  if (!multiplies_bfloat16_natively(set)) return {false, why_no_amx(this_processor())};
  return {true, native_with(set)};
}

bool native_bfloat16(at::Device device) {
  if (device.is_cuda()) return multiplies_bfloat16(cuda_compute_capability(device));
  return native_on_cpu().load(std::memory_order_relaxed);
}

void set_native_bfloat16(bool native) { native_on_cpu().store(native); }

at::ScalarType product_type(at::ScalarType type, at::Device device) {
  return type == at::kBFloat16 && !native_bfloat16(device) ? at::kFloat : type;
}

at::Tensor to_product(const at::Tensor& x) { return x.to(product_type(x.scalar_type(), x.device())); }

}  // namespace sluice
