// A picture as a model takes it: brought to one size, cut into patches, normalised. Gives: ImageFit, ImageSettings, FittedImage,
// fit_image(), image_rows().
#pragma once

#include "core/base/enum_names.hpp"
#include "data/media/image.hpp"
#include "data/media/resize_image.hpp"

#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace sluice::data {

/// How a picture of another shape is brought to the size. crop: as small as covers it, and what stands over is cut off evenly. pad: as
/// large as fits into it, in the middle of the background. stretch: each side to its length.
enum class ImageFit { kCrop, kPad, kStretch };
inline constexpr EnumName<ImageFit> kImageFitNames[] = {
    {ImageFit::kCrop, "crop"}, {ImageFit::kPad, "pad"}, {ImageFit::kStretch, "stretch"}};
constexpr std::span<const EnumName<ImageFit>> names_of(ImageFit) { return kImageFitNames; }

/// Part of what a model is: other numbers give it other inputs.
struct ImageSettings {
  int width = 64, height = 64;  // multiples of `patch`
  int channels = 3;             // 1 or 3
  int patch = 8;                // pixels, each way
  ImageFit fit = ImageFit::kCrop;
  ResizeFilter filter = ResizeFilter::kBicubic;
  std::uint8_t background = 255;                               // of pad, and of transparent pictures
  std::array<double, 3> mean = {0.5, 0.5, 0.5};                // by channel, of values from 0 to 1
  std::array<double, 3> standard_deviation = {0.5, 0.5, 0.5};  // above 0

  std::int64_t rows() const { return static_cast<std::int64_t>(width / patch) * (height / patch); }
  std::int64_t row_width() const { return static_cast<std::int64_t>(patch) * patch * channels; }
  bool operator==(const ImageSettings&) const = default;
};

struct FittedImage {
  Image image;     // of the settings' size and channels
  double cut = 0;  // the share of the picture that was cut off
};

/// `image` has the settings' channels.
FittedImage fit_image(const Image& image, const ImageSettings& settings);

/// [rows, row_width] of a picture of the settings' size: patches from left to right and from above to below, in each its pixels in the same
/// order, in each pixel its channels; (value / 255 - mean) / standard_deviation.
std::vector<float> image_rows(const Image& image, const ImageSettings& settings);

}  // namespace sluice::data
