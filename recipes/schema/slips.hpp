// Slips of the keyboard that YAML takes for something else: no space after a colon, spaces that are none, signs that are not seen.
// YAML reports them as errors of a line further down, as keys that nobody knows, or not at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::recipes {

/// "a space is missing after 'keep:'" if an unquoted scalar reads like a key with its value ('keep:3'), "" if not. Addresses
/// (http://x) and Windows paths (C:\x) do not.
std::string colon_slip(std::string_view scalar);

/// "a no-break space (U+00A0) before 'keep'": what an unquoted scalar holds that looks like a space or like nothing and is neither;
/// anywhere in a key, at the ends of a value (inside, it belongs to the text). "" if there is nothing.
std::string odd_sign(std::string_view scalar, bool is_key);

/// Where in a text, 1-based, and what.
struct Slip {
  int line = 0;
  int column = 0;
  std::string text;
};

/// The slip that explains a syntax error found in `line` of `text`: one of that line, or of the lines just above it.
std::optional<Slip> find_slip(const std::string& text, int line);

}  // namespace sluice::recipes
