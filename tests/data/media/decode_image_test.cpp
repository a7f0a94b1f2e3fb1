// Pictures from bytes, and what is said of those that are none.
#include "data/media/decode_image.hpp"

#include "data/media/exif.hpp"
#include "data/media/image_codecs.hpp"
#include "data/media/media_error.hpp"
#include "data/media/media_kind.hpp"
#include "tests/data/media/small_files.hpp"
#include "tests/support/catch.hpp"

#include <cstdlib>
#include <optional>
#include <string>

using namespace sluice;
using namespace sluice::data;
using namespace sluice::testing;
using namespace std::string_literals;

namespace {

std::optional<MediaProblem> problem_of(std::string_view bytes, const ImageDecoding& decoding = {}) {
  try {
    decode_image(bytes, decoding, "picture");
  } catch (const MediaError& error) {
    const std::string text = error.what();
    CHECK(text.find("picture: ") == 0);
    CHECK(text.find('\n') == std::string::npos);
    CHECK(error.code() == ExitCode::kData);
    return error.problem();
  }
  return std::nullopt;
}

std::string said_of(std::string_view bytes) {
  try {
    decode_image(bytes, {}, "picture");
  } catch (const MediaError& error) {
    return error.what();
  }
  return "";
}

using Pixel = std::vector<int>;
Pixel pixel(const Image& image, int x, int y) { return {image.at(x, y), image.at(x, y) + image.channels}; }

// The first entry of a TIFF structure is the orientation.
std::string tiff(bool little, int orientation, int type = 3) {
  const auto number = [&](unsigned value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * (little ? i : bytes - 1 - i));
    return text;
  };
  const std::string value = number(static_cast<unsigned>(orientation), 2) + number(0, 2);
  return (little ? "II" : "MM") + number(42, 2) + number(8, 4) + number(1, 2) + number(0x0112, 2) + number(static_cast<unsigned>(type), 2) +
         number(1, 4) + value;
}

}  // namespace

TEST_CASE("pictures are told by their first bytes, and what is not read is named") {
  CHECK(media_kind(small_file(kRgbPngBytes)).kind == MediaKind::kPng);
  CHECK(media_kind(small_file(kTurnedJpegBytes)).kind == MediaKind::kJpeg);
  CHECK(media_kind(small_file(kWavBytes)).kind == MediaKind::kWav);
  CHECK(media_kind(small_file(kFlacBytes)).kind == MediaKind::kFlac);
  CHECK(media_kind("RIFF....WEBPVP8 ").name == "a WebP picture");
  CHECK(media_kind("GIF89a").name == "a GIF picture");
  CHECK(media_kind("ID3\x04").name == "an MP3 sound");
  CHECK(media_kind("\xFF\xFB\x90\x64").name == "an MP3 sound");
  CHECK(media_kind("\xFF\xF1\x50\x80").name == "an AAC sound");
  CHECK(media_kind("....WAVE").name.empty());
  CHECK(media_kind("").name.empty());
  CHECK(media_kind("hello, world").name.empty());
}

TEST_CASE("the orientation of EXIF is read in both orders of bytes, and a damaged one is none") {
  for (const bool little : {false, true}) {
    for (int orientation = 1; orientation <= 8; ++orientation) CHECK(exif_orientation(tiff(little, orientation)) == orientation);
    CHECK(exif_orientation(tiff(little, 0)) == 1);
    CHECK(exif_orientation(tiff(little, 9)) == 1);
    CHECK(exif_orientation(tiff(little, 6, 4)) == 1);
    const std::string whole = tiff(little, 6);
    for (std::size_t size = 0; size + 2 < whole.size(); ++size) CHECK(exif_orientation(std::string_view(whole).substr(0, size)) == 1);
    for (std::size_t at = 0; at < whole.size(); ++at)
      for (const char other : {'\0', '\x7F', '\xFF'}) {
        std::string broken = whole;
        broken[at] = other;
        const int orientation = exif_orientation(broken);
        CHECK((orientation >= 1 && orientation <= 8));
      }
  }
}

TEST_CASE("pictures are decoded: channels, alpha, orientation") {
  if (kHasPng) {
    const Image rgb = decode_image(small_file(kRgbPngBytes), {}, "picture");
    REQUIRE(rgb.width == 7);
    REQUIRE(rgb.height == 5);
    CHECK(pixel(rgb, 0, 0) == Pixel{0, 0, 0});
    CHECK(pixel(rgb, 6, 4) == Pixel{180, 200, 200});
    const Image grey = decode_image(small_file(kRgbPngBytes), {.channels = 1}, "picture");
    CHECK(pixel(grey, 6, 4) == Pixel{194});  // 0.299 * 180 + 0.587 * 200 + 0.114 * 200
    const Image on_white = decode_image(small_file(kRgbaPngBytes), {}, "picture");
    CHECK(pixel(on_white, 0, 0) == Pixel{255, 0, 0});
    CHECK(pixel(on_white, 1, 0) == Pixel{255, 255, 255});
    CHECK(pixel(on_white, 0, 1) == Pixel{127, 127, 255});
    CHECK(pixel(on_white, 1, 1) == Pixel{10, 20, 30});
    CHECK(pixel(decode_image(small_file(kRgbaPngBytes), {.background = 0}, "picture"), 1, 0) == Pixel{0, 0, 0});
  }
  if (kHasJpeg) {
    const Image plain = decode_image(small_file(kProgressiveJpegBytes), {}, "picture");
    const Image turned = decode_image(small_file(kTurnedJpegBytes), {}, "picture");
    REQUIRE(plain.width == 7);
    REQUIRE(turned.width == 5);
    REQUIRE(turned.height == 7);
    // Turned clockwise: what was the left column is the first row, from right to left.
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 7; ++x)
        for (int c = 0; c < 3; ++c) CHECK(std::abs(turned.at(4 - y, x)[c] - plain.at(x, y)[c]) <= 24);
  }
}

TEST_CASE("a picture that is none, empty, too large, cut short or broken is an error of one line, and never more") {
  CHECK(problem_of("") == MediaProblem::kEmpty);
  CHECK(said_of("hello, world") == "picture: not a picture; expected PNG or JPEG");
  CHECK(said_of("RIFF....WEBPVP8 ") == "picture: a WebP picture; expected a picture as PNG or JPEG");
  CHECK(said_of(small_file(kWavBytes)) == "picture: a WAV; expected a picture as PNG or JPEG");
  const auto check = [](std::string_view whole) {
    CHECK_FALSE(problem_of(whole).has_value());
    CHECK(problem_of(whole, {.max_pixels = 35}) == std::nullopt);
    CHECK(problem_of(whole, {.max_pixels = 34}) == MediaProblem::kTooLarge);
    for (std::size_t size = 3; size + 2 < whole.size(); ++size) {
      INFO("cut to " << size << " of " << whole.size());
      CHECK(problem_of(whole.substr(0, size)) == MediaProblem::kDamaged);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string broken(whole);
      broken[at] = static_cast<char>(~broken[at]);
      INFO("byte " << at);
      problem_of(broken, {.max_pixels = 1 << 20});  // an error or a picture
    }
  };
  if (kHasPng) check(small_file(kRgbPngBytes));
  if (kHasJpeg) {
    check(small_file(kTurnedJpegBytes));
    check(small_file(kProgressiveJpegBytes));
  }
}
