// The byte <-> character map of byte-level BPE (GPT-2): vocabularies in tokenizer.json write each byte as one printable
// character. 0x21-7E, 0xA1-AC and 0xAE-FF stand for themselves, the other 68 bytes in ascending order for U+0100 + n.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sluice::data {

/// The character of every byte.
const std::array<char32_t, 256>& byte_level_characters();

/// The bytes in ascending order of their characters: the order in which Hugging Face numbers an alphabet.
const std::array<std::uint8_t, 256>& byte_level_order();

/// Bytes written as characters (UTF-8).
std::string to_byte_level(std::string_view bytes);

/// The bytes that `text` (UTF-8) writes, or nothing if a character of it stands for no byte.
std::optional<std::string> from_byte_level(std::string_view text);

}  // namespace sluice::data
