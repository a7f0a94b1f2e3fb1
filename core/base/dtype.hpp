// The element types that Sluice stores, independent of LibTorch. LibTorch's types are translated in core/tensor/dtype_map.hpp, the names
// of the safetensors format in core/checkpoint.
#pragma once

#include <cstddef>
#include <string_view>

namespace sluice {

enum class DType { kFloat32, kBFloat16, kFloat64, kInt64, kInt32, kUInt8 };

/// Bytes of one element.
constexpr std::size_t size_of(DType type) {
  switch (type) {
    case DType::kFloat64:
    case DType::kInt64: return 8;
    case DType::kFloat32:
    case DType::kInt32: return 4;
    case DType::kBFloat16: return 2;
    case DType::kUInt8: return 1;
  }
  return 0;
}

/// The name that recipes use.
constexpr std::string_view name_of(DType type) {
  switch (type) {
    case DType::kFloat32: return "float32";
    case DType::kBFloat16: return "bfloat16";
    case DType::kFloat64: return "float64";
    case DType::kInt64: return "int64";
    case DType::kInt32: return "int32";
    case DType::kUInt8: return "uint8";
  }
  return "";
}

}  // namespace sluice
