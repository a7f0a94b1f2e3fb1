#include "data/chunk_cut.hpp"

#include "data/unicode.hpp"

#include <cstdint>

namespace sluice::data {
namespace {

/// The character that ends right before `end` (0 if there is none). The text is valid UTF-8.
std::uint32_t character_before(std::string_view text, std::size_t end) {
  if (end == 0) return 0;
  std::size_t start = end - 1;
  while (start > 0 && (static_cast<unsigned char>(text[start]) & 0xC0) == 0x80) --start;
  const auto lead = static_cast<unsigned char>(text[start]);
  std::uint32_t value = lead < 0x80 ? lead : lead < 0xE0 ? lead & 0x1Fu : lead < 0xF0 ? lead & 0x0Fu : lead & 0x07u;
  for (std::size_t i = start + 1; i < end; ++i) value = (value << 6) | (static_cast<unsigned char>(text[i]) & 0x3Fu);
  return value;
}

/// White space, control or format characters, generously: whatever some regular expression engine may call \s.
bool may_be_space(std::uint32_t c) {
  return c <= 0x20 || (c >= 0x7F && c <= 0xA0) || c == 0x1680 || c == 0x180E || (c >= 0x2000 && c <= 0x200F) ||
         (c >= 0x2028 && c <= 0x202F) || (c >= 0x205F && c <= 0x206F) || c == 0x3000 || c == 0xFEFF;
}

bool is_letter_or_digit(std::uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || (c >= 0x4E00 && c <= 0x9FEF) ||
         (c >= 0x3041 && c <= 0x3096) || (c >= 0x30A1 && c <= 0x30FA) || (c >= 0xAC00 && c <= 0xD7A3);
}

bool starts_with_break(std::string_view text) {
  return text.front() == '\n' || text.starts_with("\u3001") || text.starts_with("\u3002") || text.starts_with("\uFF0C");
}

}  // namespace

std::size_t last_safe_cut(std::string_view text, std::size_t from) {
  for (std::size_t p = text.size(); p-- > from + 1;)
    if (text[p] == ' ' && !may_be_space(character_before(text, p))) return p;
  for (std::size_t p = text.size(); p-- > from + 1;)
    if (starts_with_break(text.substr(p)) && is_letter_or_digit(character_before(text, p))) return p;
  return 0;
}

std::size_t next_certain_cut(std::string_view text, std::size_t from) {
  const char* const end = text.data() + text.size();
  const auto continues = [&](std::size_t i) { return i < text.size() && (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80; };
  while (continues(from)) ++from;
  if (from >= text.size()) return text.size();
  std::size_t before = from;
  while (before > 0 && continues(--before)) {}
  const std::uint8_t* classes = unicode_classes();
  const auto is_space = [&](std::size_t i) { return (classes[code_point_at(text.data() + i, end).value] & kSpace) != 0; };
  bool after_space = from == 0 || is_space(before);
  while (from < text.size()) {
    const bool space = is_space(from);
    if (space && !after_space) return from;
    after_space = space;
    from += code_point_at(text.data() + from, end).size;
  }
  return text.size();
}

}  // namespace sluice::data
