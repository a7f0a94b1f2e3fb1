// Small letters of ASCII.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// The text with a to z in place of A to Z; other bytes stay.
inline std::string lower_case(std::string_view text) {
  std::string lower(text);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return lower;
}

}  // namespace sluice
