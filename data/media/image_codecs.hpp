// The decoders behind decode_image(), each there or not as the program was built: NAME.cpp or no_NAME.cpp.
#pragma once

#include "data/media/image.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::data {

/// A picture as it is stored, in 8 bits: neither turned nor laid on a background.
struct StoredImage {
  Image image;          // channels: 1 grey, 2 grey and alpha, 3 RGB, 4 RGB and alpha
  int orientation = 1;  // EXIF's, 1 to 8
};

inline constexpr bool has_alpha(int channels) { return channels == 2 || channels == 4; }

extern const bool kHasPng;
extern const bool kHasJpeg;
StoredImage decode_png(std::string_view bytes, std::int64_t max_pixels, const std::string& where);
StoredImage decode_jpeg(std::string_view bytes, std::int64_t max_pixels, const std::string& where);

/// a * b where 255 stands for 1, rounded.
constexpr std::uint8_t multiply_unit(unsigned a, unsigned b) {
  const unsigned product = a * b + 128;
  return static_cast<std::uint8_t>((product + (product >> 8)) >> 8);
}

/// MediaError if a picture of this size is larger than the limit or empty. Decoders call it before they take memory.
void require_pixels(std::uint64_t width, std::uint64_t height, std::int64_t max_pixels, const std::string& where);

}  // namespace sluice::data
