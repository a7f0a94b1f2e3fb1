#include "core/checkpoint/tensor_info.hpp"

#include <fmt/format.h>

#include <array>
#include <limits>

namespace sluice::checkpoint {
namespace {

struct TypeRow {
  std::string_view name;
  int bits;
};
constexpr std::array<TypeRow, 22> kTypes = {{
    {"BOOL", 8},    {"F4", 4},          {"F6_E2M3", 6},     {"F6_E3M2", 6}, {"U8", 8},   {"I8", 8},   {"F8_E5M2", 8}, {"F8_E4M3", 8},
    {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},    {"U16", 16}, {"F16", 16}, {"BF16", 16},   {"I32", 32},
    {"U32", 32},    {"F32", 32},        {"C64", 64},        {"F64", 64},    {"I64", 64}, {"U64", 64},
}};
static_assert(kTypes.size() == static_cast<std::size_t>(StoredType::kU64) + 1);

}  // namespace

std::string_view name_of(StoredType type) { return kTypes.at(static_cast<std::size_t>(type)).name; }

int bits_of(StoredType type) { return kTypes.at(static_cast<std::size_t>(type)).bits; }

std::optional<StoredType> parse_stored_type(std::string_view name) {
  for (std::size_t i = 0; i < kTypes.size(); ++i)
    if (kTypes[i].name == name) return static_cast<StoredType>(i);
  return std::nullopt;
}

bool is_floating(StoredType type) {
  return type == StoredType::kF32 || type == StoredType::kBF16 || type == StoredType::kF16 || type == StoredType::kF64;
}

StoredType stored_type_of(DType type) {
  switch (type) {
    case DType::kFloat32: return StoredType::kF32;
    case DType::kBFloat16: return StoredType::kBF16;
    case DType::kFloat64: return StoredType::kF64;
    case DType::kInt64: return StoredType::kI64;
    case DType::kInt32: return StoredType::kI32;
    case DType::kUInt8: return StoredType::kU8;
  }
  return StoredType::kU8;
}

std::optional<DType> dtype_of(StoredType type) {
  for (const DType own : {DType::kFloat32, DType::kBFloat16, DType::kFloat64, DType::kInt64, DType::kInt32, DType::kUInt8})
    if (stored_type_of(own) == type) return own;
  return std::nullopt;
}

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

std::optional<std::uint64_t> element_count(const Shape& shape) {
  constexpr std::uint64_t limit = std::numeric_limits<std::int64_t>::max();
  std::uint64_t count = 1;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    if (dim > 0 && count > limit / static_cast<std::uint64_t>(dim)) return std::nullopt;
    count *= static_cast<std::uint64_t>(dim);
  }
  return count;
}

std::optional<std::uint64_t> byte_count(StoredType type, const Shape& shape) {
  const auto count = element_count(shape);
  const auto bits = static_cast<std::uint64_t>(bits_of(type));
  if (!count || *count > std::numeric_limits<std::int64_t>::max() / bits) return std::nullopt;
  if (*count * bits % 8 != 0) return std::nullopt;
  return *count * bits / 8;
}

}  // namespace sluice::checkpoint
