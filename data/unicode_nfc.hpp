// Unicode normalization form C (UAX #15), as the normalizer of the PyPI package `tokenizers` computes it.
#pragma once

#include <string>
#include <string_view>

namespace sluice::data {

/// True if to_nfc surely leaves `text` as it is (no character that takes part in normalization). Cheap.
bool is_plainly_nfc(std::string_view text);

/// `text` (valid UTF-8) in form C.
std::string to_nfc(std::string_view text);

}  // namespace sluice::data
