// Typing slips that YAML takes for something else: no space after a colon, characters that only look like a space, invisible characters.
// YAML reports them as an error in a later line, as an unknown key, or not at all.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sluice::recipes {

/// "a space is missing after 'keep:'" if an unquoted scalar reads like a key with its value ('keep:3'), "" if not. Addresses
/// (http://x) and Windows paths (C:\x) do not.
std::string colon_slip(std::string_view scalar);

/// Names the first character of an unquoted scalar that looks like a space but is none, or is invisible: "a no-break space (U+00A0) before
/// 'keep'". Looks at the whole of a key, but only at the ends of a value, inside which it belongs to the text. "" if there is none.
std::string odd_sign(std::string_view scalar, bool is_key);

/// A slip and its place in a text; line and column count from 1.
struct Slip {
  int line = 0;
  int column = 0;
  std::string text;
};

/// The slip that explains a syntax error reported for `line` of `text`: one in that line, or in the lines just above it.
std::optional<Slip> find_slip(const std::string& text, int line);

}  // namespace sluice::recipes
