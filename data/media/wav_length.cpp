#include "data/media/wav_length.hpp"

#include <cstddef>
#include <cstdint>

namespace sluice::data {

bool wav_is_cut_short(std::string_view bytes) {
  constexpr std::size_t kRiffBytes = 12, kChunkBytes = 8;
  constexpr std::uint32_t kOpen = 0xFFFFFFFF;
  if (!bytes.starts_with("RIFF")) return false;
  for (std::size_t at = kRiffBytes; at + kChunkBytes <= bytes.size();) {
    std::uint32_t length = 0;
    for (std::size_t i = 4; i > 0; --i) length = length << 8 | static_cast<unsigned char>(bytes[at + 3 + i]);
    const std::size_t left = bytes.size() - at - kChunkBytes;
    if (bytes.substr(at, 4) == "data") return length != 0 && length != kOpen && length > left;
    if (length > left) return true;
    at += kChunkBytes + length + length % 2;
  }
  return true;  // no samples
}

}  // namespace sluice::data
