// Resizing pictures, to the last bit as Pillow's Image.resize (libImaging/Resample.c) does it up to version 12. (Pillow 13 goes along
// columns first for some sizes, which rounds otherwise between the two.)
#pragma once

#include "core/base/enum_names.hpp"
#include "data/media/image.hpp"

#include <cstdint>
#include <span>

namespace sluice::data {

enum class ResizeFilter { kBox, kBilinear, kHamming, kBicubic, kLanczos };
inline constexpr EnumName<ResizeFilter> kResizeFilterNames[] = {{ResizeFilter::kBox, "box"},
                                                                {ResizeFilter::kBilinear, "bilinear"},
                                                                {ResizeFilter::kHamming, "hamming"},
                                                                {ResizeFilter::kBicubic, "bicubic"},
                                                                {ResizeFilter::kLanczos, "lanczos"}};
constexpr std::span<const EnumName<ResizeFilter>> names_of(ResizeFilter) { return kResizeFilterNames; }

/// Each pixel of the result is a weighted mean of those of `image` under the filter, which is stretched where the picture shrinks (so that
/// nothing between two pixels is missed): first along rows, then along columns, with weights of 22 fractional bits and 8-bit pixels
/// between the two. The sizes are at least 1. A picture of that size already comes back as it is.
Image resize_image(const Image& image, int width, int height, ResizeFilter filter);

}  // namespace sluice::data
