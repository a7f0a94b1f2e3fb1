// The element types that Sluice stores, independent of LibTorch. Names are those of recipes; safetensors and torch have maps of their own
// beside them.
#pragma once

#include "core/base/enum_names.hpp"

#include <cstddef>

namespace sluice {

enum class DType { kFloat32, kBFloat16, kFloat64, kInt64, kInt32, kUInt8 };

inline constexpr EnumName<DType> kDTypeNames[] = {{DType::kFloat32, "float32"}, {DType::kBFloat16, "bfloat16"},
                                                  {DType::kFloat64, "float64"}, {DType::kInt64, "int64"},
                                                  {DType::kInt32, "int32"},     {DType::kUInt8, "uint8"}};
constexpr std::span<const EnumName<DType>> names_of(DType) { return kDTypeNames; }

/// Bytes of an element.
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

/// Whether a model may have it.
constexpr bool is_floating(DType type) { return type == DType::kFloat32 || type == DType::kBFloat16 || type == DType::kFloat64; }

}  // namespace sluice
