// The text of one line of a JSONL file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::data {

/// Puts the string under `key` of the JSON object `line` into `text`. `where` ("file:line") opens every error.
/// Data error if the line is no JSON object, the key is missing (the keys that are there are named) or not a string.
void extract_json_text(std::string_view line, std::string_view key, std::string_view where, std::string& text);

}  // namespace sluice::data
