// Pictures from bytes: PNG and JPEG, upright, in 8 bits.
#pragma once

#include "data/media/image.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace sluice::data {

/// What is made of a picture whatever it is stored as.
struct ImageDecoding {
  int channels = 3;                   // 1 or 3 of the result: colours become grey as ITU-R BT.601 weighs them, grey is repeated
  std::uint8_t background = 255;      // what shows through where a picture is transparent
  std::int64_t max_pixels = 1 << 26;  // of the picture as stored; more is an error before anything is decoded
};

/// Turns and mirrors of the picture as stored are undone (EXIF orientation of JPEG and PNG), palettes looked up, alpha laid on the
/// background, 16 bits rounded to 8, CMYK and YCCK multiplied out (Adobe's inverted ones too), interlaced ones put together. Colour
/// profiles and gamma are not applied. `where` (a file name) begins the message of every error. MediaError: not a picture (WebP, GIF and
/// others by name), damaged or cut short, larger than max_pixels, or of a format this program was built without.
Image decode_image(std::string_view bytes, const ImageDecoding& decoding, const std::string& where);

/// The picture in grey (1), or in colour (3) with grey repeated.
Image with_channels(Image image, int channels);

/// The formats this program was built with, for messages: "PNG, JPEG"; "" if there are none.
std::string image_formats();

}  // namespace sluice::data
