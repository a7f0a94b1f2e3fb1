// Generated character data; data/generate_unicode_tables.py says from where and how to renew it.
// Used through data/unicode.hpp.
#pragma once

#include <cstdint>
#include <span>

namespace sluice::data {

/// A range (first, last, value), or a composition (first, second, composite).
struct UnicodeTriple {
  std::uint32_t first, second, third;
};

/// Ranges with the bits of UnicodeClass, ascending; code points in no range have none.
std::span<const UnicodeTriple> unicode_class_ranges();
/// Ranges with their canonical combining class, ascending; all else is 0.
std::span<const UnicodeTriple> unicode_combining_ranges();
/// Full canonical decompositions without Hangul, ascending: code point, length, that many code points.
std::span<const std::uint32_t> unicode_decompositions();
/// (first, second, composite) of every primary composite without Hangul, ascending.
std::span<const UnicodeTriple> unicode_compositions();

}  // namespace sluice::data
