// A picture as it lies in memory. Gives: Image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sluice::data {

/// Pixels of 8 bits, row after row from the top, the channels of a pixel side by side: [height, width, channels].
struct Image {
  int width = 0, height = 0;
  int channels = 0;  // 1: grey, 3: red, green, blue (as sRGB stores them)
  std::vector<std::uint8_t> pixels;

  Image() = default;
  Image(int width, int height, int channels)
      : width(width),
        height(height),
        channels(channels),
        pixels(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * static_cast<std::size_t>(channels)) {}

  std::uint8_t* at(int x, int y) { return pixels.data() + offset(x, y); }
  const std::uint8_t* at(int x, int y) const { return pixels.data() + offset(x, y); }

 private:
  std::size_t offset(int x, int y) const {
    return (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) + static_cast<std::size_t>(x)) *
           static_cast<std::size_t>(channels);
  }
};

}  // namespace sluice::data
