// Messages of the JSON library (nlohmann-json), shortened for users.
#pragma once

#include <string>
#include <string_view>

namespace sluice {

/// Takes the message of an exception and returns it without the "[json.exception...]" in front. A parse error also loses its "parse error
/// at line 1, column 5: ", because callers name the place themselves. A text that is not from the JSON library is returned as it is.
std::string json_reason(std::string_view what);

}  // namespace sluice
