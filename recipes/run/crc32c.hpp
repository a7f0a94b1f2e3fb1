// CRC-32C (Castagnoli; RFC 3720 appendix B.4) and its masked form, as TFRecord files use it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sluice::recipes {

namespace detail {
constexpr std::array<std::uint32_t, 256> make_crc32c_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t value = byte;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) != 0 ? 0x82F63B78u : 0u);
    table[byte] = value;
  }
  return table;
}
inline constexpr auto kCrc32cTable = make_crc32c_table();
}  // namespace detail

constexpr std::uint32_t crc32c(std::string_view bytes) {
  std::uint32_t value = ~0u;
  for (const char ch : bytes) value = (value >> 8) ^ detail::kCrc32cTable[(value ^ static_cast<unsigned char>(ch)) & 0xFF];
  return ~value;
}

/// The CRC rotated, plus a constant, because CRCs of data that itself holds CRCs are weak (TensorFlow, crc32c.h).
constexpr std::uint32_t masked_crc32c(std::string_view bytes) {
  const std::uint32_t value = crc32c(bytes);
  return ((value >> 15) | (value << 17)) + 0xa282ead8u;
}

}  // namespace sluice::recipes
