#include "data/unicode.hpp"

#include <algorithm>
#include <memory>
#include <set>

#include "data/unicode_tables.hpp"

namespace sluice::data {

namespace {

std::unique_ptr<std::uint8_t[]> make_classes() {
  auto classes = std::make_unique<std::uint8_t[]>(0x110000);
  for (const auto& [first, last, bits] : unicode_class_ranges())
    std::fill(classes.get() + first, classes.get() + last + 1, static_cast<std::uint8_t>(bits));
  const auto activate = [&](std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t c = first; c <= last; ++c) classes[c] |= kNfcActive;
  };
  std::set<std::uint32_t> composites;
  for (const auto& [first, second, composite] : unicode_compositions()) {
    activate(second, second);
    composites.insert(composite);
  }
  activate(0x1161, 0x1175);  // Hangul vowels and trailing consonants join what stands before them
  activate(0x11A8, 0x11C2);
  for (const auto& [first, last, combining_class] : unicode_combining_ranges()) activate(first, last);
  const auto flat = unicode_decompositions();
  for (std::size_t i = 0; i < flat.size(); i += 2 + flat[i + 1])
    if (!composites.count(flat[i])) activate(flat[i], flat[i]);
  return classes;
}

}  // namespace

const std::uint8_t* unicode_classes() {
  static const std::unique_ptr<std::uint8_t[]> classes = make_classes();
  return classes.get();
}

void append_code_point(std::string& text, char32_t value) {
  const auto put = [&](char32_t byte) { text.push_back(static_cast<char>(byte)); };
  if (value < 0x80) {
    put(value);
  } else if (value < 0x800) {
    put(0xC0 | value >> 6);
    put(0x80 | (value & 0x3F));
  } else if (value < 0x10000) {
    put(0xE0 | value >> 12);
    put(0x80 | (value >> 6 & 0x3F));
    put(0x80 | (value & 0x3F));
  } else {
    put(0xF0 | value >> 18);
    put(0x80 | (value >> 12 & 0x3F));
    put(0x80 | (value >> 6 & 0x3F));
    put(0x80 | (value & 0x3F));
  }
}

}  // namespace sluice::data
