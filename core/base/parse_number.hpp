// Numbers in texts, whatever the locale.
#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

namespace sluice {

/// The whole text as a number, as std::from_chars reads it: no blanks, no '+', and a '-' only for types with a sign. Nothing if the text is
/// anything else, or if a T cannot hold the number.
template <class T>
std::optional<T> parse_number(std::string_view text) {
  T number{};
  const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  return number;
}

}  // namespace sluice
