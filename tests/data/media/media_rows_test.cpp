// Pictures and sounds as rows of a model's input.
#include "data/media/image_rows.hpp"
#include "data/media/sound_rows.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>

using namespace sluice::data;

namespace {

// Columns of 0, 1, 2, ... times ten.
Image columns(int width, int height) {
  Image image(width, height, 1);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) *image.at(x, y) = static_cast<std::uint8_t>(10 * x);
  return image;
}

using Pixels = std::vector<std::uint8_t>;

}  // namespace

TEST_CASE("a picture of another shape is cropped, padded or stretched to the size") {
  ImageSettings settings = {.width = 2, .height = 2, .channels = 1, .patch = 1, .filter = ResizeFilter::kBox, .background = 7};
  const FittedImage cropped = fit_image(columns(4, 2), settings);
  CHECK(cropped.image.pixels == Pixels{10, 20, 10, 20});
  CHECK(cropped.cut == Approx(0.5));
  settings.fit = ImageFit::kPad;
  const FittedImage padded = fit_image(columns(4, 2), settings);
  CHECK(padded.image.pixels == Pixels{5, 25, 7, 7});
  CHECK(padded.cut == 0);
  settings.fit = ImageFit::kStretch;
  CHECK(fit_image(columns(4, 2), settings).image.pixels == Pixels{5, 25, 5, 25});
  // Any size comes to the one wanted, a line too.
  settings = {.width = 16, .height = 8, .channels = 1};
  for (const ImageFit fit : {ImageFit::kCrop, ImageFit::kPad, ImageFit::kStretch})
    for (const auto& [width, height] : {std::pair{1, 1}, {1, 20}, {25, 1}, {16, 8}, {17, 8}, {300, 7}}) {
      settings.fit = fit;
      const FittedImage fitted = fit_image(columns(width, height), settings);
      CHECK(fitted.image.width == 16);
      CHECK(fitted.image.height == 8);
      CHECK((fitted.cut >= 0 && fitted.cut < 1));
    }
}

TEST_CASE("patches go from left to right and from above to below, normalised by channel") {
  const ImageSettings settings = {
      .width = 4, .height = 2, .channels = 1, .patch = 2, .mean = {0.0, 0, 0}, .standard_deviation = {1.0 / 255, 1, 1}};
  Image image(4, 2, 1);
  image.pixels = {1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<float> rows = image_rows(image, settings);
  REQUIRE(rows.size() == static_cast<std::size_t>(settings.rows() * settings.row_width()));
  const std::vector<float> expected = {1, 2, 5, 6, 3, 4, 7, 8};
  for (std::size_t i = 0; i < rows.size(); ++i) CHECK(rows[i] == Approx(expected[i]));
  const ImageSettings colours = {.width = 1, .height = 1, .patch = 1, .mean = {0.5, 0.0, 1.0}, .standard_deviation = {0.5, 1.0, 0.25}};
  Image pixel(1, 1, 3);
  pixel.pixels = {255, 51, 0};
  const std::vector<float> values = image_rows(pixel, colours);
  CHECK(values[0] == Approx(1.0));
  CHECK(values[1] == Approx(0.2));
  CHECK(values[2] == Approx(-4.0));
}

TEST_CASE("a sound has as many rows as it is long, and what is too long is cut") {
  SoundSettings settings;
  settings.mel = {.sample_rate = 8000, .window = 256, .hop = 128, .bands = 20, .max_frequency = 4000};
  settings.max_seconds = 1;
  const SoundInput input(settings);
  for (const std::size_t samples : {std::size_t{1}, std::size_t{500}, std::size_t{8000}}) {
    const SoundRows made = input({8000, std::vector<float>(samples, 0.1f), 0});
    CHECK(made.rows == static_cast<std::int64_t>((1 + samples / 128 + 3) / 4));
    CHECK(made.values.size() == static_cast<std::size_t>(made.rows * settings.row_width()));
    CHECK(made.cut_seconds == 0);
  }
  const SoundRows cut = input({16000, std::vector<float>(24000, 0.1f), 8000});
  CHECK(cut.rows == settings.max_rows());
  CHECK(cut.cut_seconds == Approx(1.0));
  // Silence, and the frames behind a sound, are the floor.
  for (const float value : input({8000, std::vector<float>(100, 0.0f), 0}).values) CHECK(value == Approx((-10.0 - settings.mean) / 4));
}
