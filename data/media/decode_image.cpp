#include "data/media/decode_image.hpp"

#include "data/media/image_codecs.hpp"
#include "data/media/media_error.hpp"
#include "data/media/media_kind.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace sluice::data {
namespace {

// ITU-R BT.601 in 16 bits, as Pillow and libjpeg weigh them.
std::uint8_t grey_of(const std::uint8_t* rgb) {
  return static_cast<std::uint8_t>((rgb[0] * 19595u + rgb[1] * 38470u + rgb[2] * 7471u + 0x8000u) >> 16);
}

Image without_alpha(const Image& image, std::uint8_t background) {
  Image out(image.width, image.height, image.channels - 1);
  const std::uint8_t* in = image.pixels.data();
  for (std::uint8_t *to = out.pixels.data(), *end = to + out.pixels.size(); to != end; to += out.channels, in += image.channels) {
    const unsigned alpha = in[out.channels];
    for (int c = 0; c < out.channels; ++c)
      to[c] = static_cast<std::uint8_t>(multiply_unit(in[c], alpha) + multiply_unit(background, 255 - alpha));
  }
  return out;
}

// EXIF's orientation says where the first row and column of the stored picture are seen; this puts them there.
Image upright(Image image, int orientation) {
  if (orientation == 1) return image;
  const bool turned = orientation >= 5;
  const int last_x = image.width - 1, last_y = image.height - 1;
  Image out(turned ? image.height : image.width, turned ? image.width : image.height, image.channels);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < out.width; ++x) {
      int from_x = turned ? y : x, from_y = turned ? x : y;
      if (orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8) from_x = last_x - from_x;
      if (orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7) from_y = last_y - from_y;
      std::copy_n(std::as_const(image).at(from_x, from_y), image.channels, out.at(x, y));
    }
  return out;
}

}  // namespace

void require_pixels(std::uint64_t width, std::uint64_t height, std::int64_t max_pixels, const std::string& where) {
  if (width == 0 || height == 0) throw MediaError(MediaProblem::kEmpty, "{}: a picture without pixels ({} x {})", where, width, height);
  constexpr std::uint64_t kMaxSide = std::numeric_limits<int>::max();
  if (width > kMaxSide || height > kMaxSide || width > static_cast<std::uint64_t>(max_pixels) / height)
    throw MediaError(MediaProblem::kTooLarge, "{}: a picture of {} x {} pixels; the limit (max_pixels) is {}", where, width, height,
                     max_pixels);
}

Image with_channels(Image image, int channels) {
  if (image.channels == channels) return image;
  Image out(image.width, image.height, channels);
  const std::size_t pixels = image.pixels.size() / static_cast<std::size_t>(image.channels);
  for (std::size_t i = 0; i < pixels; ++i) {
    if (channels == 1) out.pixels[i] = grey_of(image.pixels.data() + 3 * i);
    else
      for (std::size_t c = 0; c < 3; ++c) out.pixels[3 * i + c] = image.pixels[i];
  }
  return out;
}

std::string image_formats() {
  std::string formats;
  if (kHasPng) formats = "PNG";
  if (kHasJpeg) formats += formats.empty() ? "JPEG" : ", JPEG";
  return formats;
}

Image decode_image(std::string_view bytes, const ImageDecoding& decoding, const std::string& where) {
  if (bytes.empty()) throw MediaError(MediaProblem::kEmpty, "{}: an empty file, not a picture", where);
  const KnownMedia known = media_kind(bytes);
  StoredImage stored;
  if (known.kind == MediaKind::kPng) stored = decode_png(bytes, decoding.max_pixels, where);
  else if (known.kind == MediaKind::kJpeg) stored = decode_jpeg(bytes, decoding.max_pixels, where);
  else if (known.name.empty()) throw MediaError(MediaProblem::kDamaged, "{}: not a picture; expected PNG or JPEG", where);
  else throw MediaError(MediaProblem::kUnsupported, "{}: {}; expected a picture as PNG or JPEG", where, known.name);
  Image image = std::move(stored.image);
  if (has_alpha(image.channels)) image = without_alpha(image, decoding.background);
  return upright(with_channels(std::move(image), decoding.channels), stored.orientation);
}

}  // namespace sluice::data
