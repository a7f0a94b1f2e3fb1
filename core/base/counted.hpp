// Counts in messages: "1 file", "2 files".
#pragma once

#include <fmt/format.h>

#include <concepts>
#include <string>
#include <string_view>

namespace sluice {

/// "file" if there is one, else "files". The noun is one that takes an s.
template <class Number>
std::string plural(Number count, std::string_view noun) {
  return std::string(noun) + (count == 1 ? "" : "s");
}

/// The count and its noun: "1 file", "0 files".
template <std::integral Number>
std::string counted(Number count, std::string_view noun) {
  return fmt::format("{} {}", count, plural(count, noun));
}

}  // namespace sluice
