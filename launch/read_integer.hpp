// Integers as the user writes them. CLI11's own range checks print 300 digits and let -1 pass as an unsigned number.
#pragma once

#include "core/base/parse_number.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <limits>
#include <string>

namespace sluice {

inline constexpr std::int64_t kNoLimit = std::numeric_limits<std::int64_t>::max();

/// Reads all of `text` into `value`, which must be in [low, high] (kNoLimit as `high`: no upper limit). Returns "" or what is wrong:
/// "must be an integer ...".
inline std::string read_integer(const std::string& text, std::int64_t low, std::int64_t high, std::int64_t& value) {
  const auto number = parse_number<std::int64_t>(text);
  if (number && *number >= low && *number <= high) {
    value = *number;
    return "";
  }
  return fmt::format("must be an integer {}, found '{}'",
                     high == kNoLimit ? fmt::format("of at least {}", low) : fmt::format("between {} and {}", low, high), text);
}

}  // namespace sluice
