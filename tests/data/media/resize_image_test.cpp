// What resizing keeps; media_parity_test.sh compares it with Pillow's to the last bit.
#include "data/media/resize_image.hpp"

#include "tests/support/catch.hpp"

#include <algorithm>

using namespace sluice::data;

TEST_CASE("a plain picture stays plain at every size, under every filter") {
  for (const auto& [filter, name] : names_of(ResizeFilter{})) {
    for (const std::uint8_t value : {0, 1, 77, 255}) {
      Image image(13, 9, 3);
      std::fill(image.pixels.begin(), image.pixels.end(), value);
      for (const auto& [width, height] : {std::pair{1, 1}, {13, 9}, {5, 20}, {40, 3}, {13, 1}, {100, 100}}) {
        INFO(name << " to " << width << " x " << height);
        const Image made = resize_image(image, width, height, filter);
        CHECK(made.width == width);
        CHECK(made.height == height);
        CHECK(made.pixels.size() == static_cast<std::size_t>(width * height * 3));
        CHECK(std::all_of(made.pixels.begin(), made.pixels.end(), [&](std::uint8_t pixel) { return pixel == value; }));
      }
    }
  }
}

TEST_CASE("halves of a picture become the means of their pixels under the box filter") {
  Image image(4, 2, 1);
  image.pixels = {0, 10, 20, 40, 2, 12, 22, 43};
  CHECK(resize_image(image, 2, 2, ResizeFilter::kBox).pixels == std::vector<std::uint8_t>{5, 30, 7, 33});
  CHECK(resize_image(image, 4, 1, ResizeFilter::kBox).pixels == std::vector<std::uint8_t>{1, 11, 21, 42});
  CHECK(resize_image(image, 4, 2, ResizeFilter::kBox).pixels == image.pixels);
}
