#include "data/byte_level.hpp"

#include <algorithm>

#include "data/unicode.hpp"

namespace sluice::data {

const std::array<char32_t, 256>& byte_level_characters() {
  static const auto map = [] {
    std::array<char32_t, 256> made{};
    char32_t next = 0x100;
    for (char32_t byte = 0; byte < 256; ++byte) {
      const bool printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
      made[byte] = printable ? byte : next++;
    }
    return made;
  }();
  return map;
}

const std::array<std::uint8_t, 256>& byte_level_order() {
  static const auto order = [] {
    std::array<std::uint8_t, 256> made{};
    for (std::size_t i = 0; i < 256; ++i) made[i] = static_cast<std::uint8_t>(i);
    const auto& characters = byte_level_characters();
    std::sort(made.begin(), made.end(), [&](std::uint8_t a, std::uint8_t b) { return characters[a] < characters[b]; });
    return made;
  }();
  return order;
}

std::string to_byte_level(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) append_code_point(text, byte_level_characters()[static_cast<unsigned char>(byte)]);
  return text;
}

std::optional<std::string> from_byte_level(std::string_view text) {
  static const auto byte_of = [] {
    std::array<int, 0x144> made{};
    made.fill(-1);
    for (int byte = 0; byte < 256; ++byte) made[byte_level_characters()[static_cast<std::size_t>(byte)]] = byte;
    return made;
  }();
  std::string bytes;
  bytes.reserve(text.size());
  const char* const end = text.data() + text.size();
  for (const char* p = text.data(); p < end;) {
    const CodePoint c = code_point_at(p, end);
    if (c.value >= byte_of.size() || byte_of[c.value] < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(byte_of[c.value]));
    p += c.size;
  }
  return bytes;
}

}  // namespace sluice::data
