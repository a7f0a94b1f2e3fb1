// Text as Python sees it: the official code that scores answers is written in it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::data {

/// str.lower(): the small form of every character, a sigma at the end of a word its own.
std::string python_lower(std::string_view text);

/// str.split(): the parts between white space as Python has it (U+001C to U+001F too, U+180E not).
std::vector<std::string> python_split(std::string_view text);

/// str.strip(): without white space at both ends.
std::string_view python_strip(std::string_view text);

/// \d of a regular expression: a decimal digit of any script.
bool is_python_digit(char32_t point);

}  // namespace sluice::data
