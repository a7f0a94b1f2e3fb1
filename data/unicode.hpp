// Code points of UTF-8 text, their classes and their normal form, as the PyPI package `tokenizers` sees them.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::data {

/// Bits of unicode_classes().
enum UnicodeClass : std::uint8_t {
  kLetter = 1,      // \p{L}
  kNumber = 2,      // \p{N}
  kMark = 4,        // \p{M}
  kSpace = 8,       // White_Space: U+0085 is one, U+180E is not
  kNumeric = 16,    // numeric in Rust's standard library, whose Unicode version is newer; a superset of kNumber
  kNfcActive = 32,  // changed by NFC, a combining mark, or able to compose with the character before it
};

/// One byte of UnicodeClass bits for each of 0x110000 code points. Made at the first call.
const std::uint8_t* unicode_classes();

struct CodePoint {
  char32_t value;
  std::uint32_t size;  // bytes it takes, at least 1
};

/// The code point at `p` < `end`. A byte that starts no whole sequence counts as U+FFFD of size 1, so that
/// nothing is ever read past `end`; text is otherwise taken to be valid.
inline CodePoint code_point_at(const char* p, const char* end) {
  const auto at = [p](int i) { return static_cast<char32_t>(static_cast<unsigned char>(p[i])); };
  const char32_t lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const auto left = end - p;
  if (lead >= 0xC2 && lead < 0xE0 && left >= 2) return {(lead & 0x1F) << 6 | (at(1) & 0x3F), 2};
  if (lead >= 0xE0 && lead < 0xF0 && left >= 3) return {(lead & 0xF) << 12 | (at(1) & 0x3F) << 6 | (at(2) & 0x3F), 3};
  if (lead >= 0xF0 && lead < 0xF5 && left >= 4) {
    const char32_t value = (lead & 7) << 18 | (at(1) & 0x3F) << 12 | (at(2) & 0x3F) << 6 | (at(3) & 0x3F);
    if (value < 0x110000) return {value, 4};
  }
  return {0xFFFD, 1};
}

/// Appends `value` (not a surrogate, below 0x110000) as UTF-8.
void append_code_point(std::string& text, char32_t value);

// Normalization form C (UAX #15), as the normalizer of `tokenizers` computes it (unicode_nfc.cpp).

/// True if to_nfc surely leaves `text` as it is (no character that takes part in normalization). Cheap.
bool is_plainly_nfc(std::string_view text);

/// `text` (valid UTF-8) in form C.
std::string to_nfc(std::string_view text);

}  // namespace sluice::data
