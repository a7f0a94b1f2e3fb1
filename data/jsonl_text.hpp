// The text of one line of a JSONL file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

/// An escape that is half a surrogate pair and so no character. Python's json.dumps writes them for strings read with
/// errors='surrogateescape', or cut between the halves.
struct LoneSurrogate {
  std::size_t offset = 0;  // in the line
  std::string escape;      // as written, e.g. \ud83d
};

/// Puts the string under `key` of the JSON object `line` into `text`, with U+FFFD in place of every lone surrogate. Returns all lone
/// surrogates of the line, also those in other strings. `where` ("file:line") begins the message of every error.
/// Data error if the line is no JSON object, or if the key is missing (the keys that are there are named), occurs twice or holds no string.
std::vector<LoneSurrogate> extract_json_text(std::string_view line, std::string_view key, std::string_view where, std::string& text);

}  // namespace sluice::data
