#include "data/media/resize_image.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

namespace sluice::data {
namespace {

constexpr int kFractionBits = 32 - 8 - 2;  // an 8-bit pixel, and two bits for weights beyond 0 to 1

double sinc(double x) { return x == 0 ? 1 : std::sin(x * std::numbers::pi) / (x * std::numbers::pi); }

struct Filter {
  double support;  // weights are 0 beyond it
  double (*weight)(double);
};

double box(double x) { return x > -0.5 && x <= 0.5 ? 1 : 0; }
double bilinear(double x) { return std::max(0.0, 1 - std::abs(x)); }
double hamming(double x) {
  x = std::abs(x);
  return x >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * std::cos(x * std::numbers::pi));
}
// Keys' cubic with a = -0.5.
double bicubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return x < 2 ? (((x - 5) * x + 8) * x - 4) * a : 0;
}
double lanczos(double x) { return x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0; }

Filter filter_of(ResizeFilter filter) {
  switch (filter) {
    case ResizeFilter::kBox: return {0.5, box};
    case ResizeFilter::kBilinear: return {1, bilinear};
    case ResizeFilter::kHamming: return {1, hamming};
    case ResizeFilter::kBicubic: return {2, bicubic};
    case ResizeFilter::kLanczos: break;
  }
  return {3, lanczos};
}

// What one pixel of the result is made of: weights[first .. first + count) of the pixels from `from` on.
struct Window {
  int from = 0, count = 0;
  std::size_t first = 0;
};

struct Weights {
  std::vector<Window> windows;  // one a pixel of the result
  std::vector<int> weights;     // fixed point
};

Weights weights_of(int in, int out, const Filter& filter) {
  const double scale = static_cast<double>(in) / out, stretch = std::max(scale, 1.0), support = filter.support * stretch;
  Weights made;
  std::vector<double> window;
  for (int i = 0; i < out; ++i) {
    const double center = (i + 0.5) * scale;
    const int from = std::max(0, static_cast<int>(center - support + 0.5)), to = std::min(in, static_cast<int>(center + support + 0.5));
    window.clear();
    double sum = 0;
    for (int x = from; x < to; ++x) {
      window.push_back(filter.weight((x - center + 0.5) * (1 / stretch)));
      sum += window.back();
    }
    made.windows.push_back({from, to - from, made.weights.size()});
    for (double weight : window) {
      if (sum != 0) weight /= sum;
      made.weights.push_back(static_cast<int>((weight < 0 ? -0.5 : 0.5) + weight * (1 << kFractionBits)));
    }
  }
  return made;
}

std::uint8_t pixel_of(int sum) { return static_cast<std::uint8_t>(std::clamp(sum >> kFractionBits, 0, 255)); }

// `step`: the distance in memory between two pixels that are weighed together.
std::uint8_t weighed(const Weights& weights, const Window& window, const std::uint8_t* from, std::size_t step) {
  int sum = 1 << (kFractionBits - 1);
  for (int k = 0; k < window.count; ++k, from += step) sum += *from * weights.weights[window.first + static_cast<std::size_t>(k)];
  return pixel_of(sum);
}

Image resize_rows(const Image& image, int width, const Filter& filter) {
  const Weights weights = weights_of(image.width, width, filter);
  Image out(width, image.height, image.channels);
  for (int y = 0; y < out.height; ++y)
    for (int x = 0; x < width; ++x) {
      const Window& window = weights.windows[static_cast<std::size_t>(x)];
      for (int c = 0; c < image.channels; ++c)
        out.at(x, y)[c] = weighed(weights, window, image.at(window.from, y) + c, static_cast<std::size_t>(image.channels));
    }
  return out;
}

Image resize_columns(const Image& image, int height, const Filter& filter) {
  const Weights weights = weights_of(image.height, height, filter);
  Image out(image.width, height, image.channels);
  const std::size_t row = static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.channels);
  for (int y = 0; y < height; ++y) {
    const Window& window = weights.windows[static_cast<std::size_t>(y)];
    for (std::size_t x = 0; x < row; ++x) out.at(0, y)[x] = weighed(weights, window, image.at(0, window.from) + x, row);
  }
  return out;
}

}  // namespace

Image resize_image(const Image& image, int width, int height, ResizeFilter filter) {
  const Filter used = filter_of(filter);
  if (image.width == width && image.height == height) return image;
  if (image.width == width) return resize_columns(image, height, used);
  Image wide = resize_rows(image, width, used);
  return wide.height == height ? wide : resize_columns(wide, height, used);
}

}  // namespace sluice::data
