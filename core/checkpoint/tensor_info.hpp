// What a container says about a tensor: name, element type and shape. The element types are all those of safetensors, so that files of
// others can be described even if this project cannot use the type.
#pragma once

#include "core/base/dtype.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

using Shape = std::vector<std::int64_t>;

/// In the order of the reference library's enum, by which its writer sorts.
enum class StoredType {
  kBool,
  kF4,
  kF6E2M3,
  kF6E3M2,
  kU8,
  kI8,
  kF8E5M2,
  kF8E4M3,
  kF8E8M0,
  kF8E4M3Fnuz,
  kF8E5M2Fnuz,
  kI16,
  kU16,
  kF16,
  kBF16,
  kI32,
  kU32,
  kF32,
  kC64,
  kF64,
  kI64,
  kU64,
};

std::string_view name_of(StoredType type);  // "BF16"
int bits_of(StoredType type);
std::optional<StoredType> parse_stored_type(std::string_view name);
/// Whether a weight may have this type: F16, BF16, F32 or F64. Weights of these types are converted on loading.
bool is_floating(StoredType type);

StoredType stored_type_of(DType type);
/// The type of this project with the same bits; nothing if there is none (as for F16 and the 8-bit floats).
std::optional<DType> dtype_of(StoredType type);

struct TensorInfo {
  std::string name;
  StoredType type = StoredType::kF32;
  Shape shape;

  bool operator==(const TensorInfo&) const = default;
};

std::string to_string(const Shape& shape);  // "[2, 3]"

/// Number of elements of a shape; nothing if a dimension is negative or the product does not fit in 63 bits.
std::optional<std::uint64_t> element_count(const Shape& shape);
/// Bytes of a tensor; nothing also if its bits do not fill whole bytes.
std::optional<std::uint64_t> byte_count(StoredType type, const Shape& shape);

}  // namespace sluice::checkpoint
