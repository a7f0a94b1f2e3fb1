// What a JSON library's exception says to a user.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// "[json.exception.parse_error.101] parse error at line 1, column 5: what is wrong" without what names the library and, of a text that
/// does not parse, without the place, which is told in the words of whoever asks: "what is wrong". Any other text as it is.
std::string json_reason(std::string_view what);

}  // namespace sluice
