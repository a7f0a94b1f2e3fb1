#include "data/media/image_rows.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::data {
namespace {

// A side of the picture after it is scaled; at least a pixel.
int scaled(int side, double scale) { return std::max(1, static_cast<int>(std::lround(side * scale))); }

void copy_part(const Image& from, int from_x, int from_y, Image& to, int to_x, int to_y, int width, int height) {
  for (int y = 0; y < height; ++y) std::copy_n(from.at(from_x, from_y + y), width * from.channels, to.at(to_x, to_y + y));
}

}  // namespace

FittedImage fit_image(const Image& image, const ImageSettings& settings) {
  const int width = settings.width, height = settings.height;
  if (settings.fit == ImageFit::kStretch) return {resize_image(image, width, height, settings.filter), 0};
  const double across = static_cast<double>(width) / image.width, down = static_cast<double>(height) / image.height;
  FittedImage fitted{Image(width, height, image.channels), 0};
  if (settings.fit == ImageFit::kCrop) {
    const double scale = std::max(across, down);
    const Image covering =
        resize_image(image, std::max(width, scaled(image.width, scale)), std::max(height, scaled(image.height, scale)), settings.filter);
    copy_part(covering, (covering.width - width) / 2, (covering.height - height) / 2, fitted.image, 0, 0, width, height);
    fitted.cut = 1 - static_cast<double>(width) * height / (static_cast<double>(covering.width) * covering.height);
    return fitted;
  }
  const double scale = std::min(across, down);
  const Image inside =
      resize_image(image, std::min(width, scaled(image.width, scale)), std::min(height, scaled(image.height, scale)), settings.filter);
  std::fill(fitted.image.pixels.begin(), fitted.image.pixels.end(), settings.background);
  copy_part(inside, 0, 0, fitted.image, (width - inside.width) / 2, (height - inside.height) / 2, inside.width, inside.height);
  return fitted;
}

std::vector<float> image_rows(const Image& image, const ImageSettings& settings) {
  const int patch = settings.patch, across = settings.width / patch, channels = settings.channels;
  std::vector<float> rows;
  rows.reserve(static_cast<std::size_t>(settings.rows() * settings.row_width()));
  for (int row = 0; row < settings.rows(); ++row)
    for (int y = 0; y < patch; ++y)
      for (int x = 0; x < patch; ++x) {
        const std::uint8_t* pixel = image.at(row % across * patch + x, row / across * patch + y);
        for (int c = 0; c < channels; ++c) {
          const auto channel = static_cast<std::size_t>(c);
          rows.push_back(static_cast<float>((pixel[c] / 255.0 - settings.mean[channel]) / settings.standard_deviation[channel]));
        }
      }
  return rows;
}

}  // namespace sluice::data
