#include "data/scenes/draw_scene.hpp"

#include "core/base/random.hpp"
#include "data/media/resize_image.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

namespace sluice::data {
namespace {

constexpr int kFiner = 4;     // drawn so many times larger each way, for smooth edges
constexpr double kNoise = 6;  // standard deviation

std::array<std::uint8_t, 3> colour_of(Colour colour) {
  switch (colour) {
    case Colour::kRed: return {214, 39, 40};
    case Colour::kGreen: return {44, 160, 44};
    case Colour::kBlue: return {31, 90, 200};
    case Colour::kYellow: return {235, 210, 30};
    case Colour::kPurple: return {130, 50, 160};
    case Colour::kOrange: break;
  }
  return {250, 130, 10};
}

// Whether the point (x, y), in radii from the middle, belongs to the shape.
bool is_inside(Shape shape, double x, double y) {
  switch (shape) {
    case Shape::kCircle: return x * x + y * y <= 1;
    case Shape::kSquare: return std::max(std::abs(x), std::abs(y)) <= 0.85;
    case Shape::kTriangle: return y <= 0.8 && y >= 1.9 * std::abs(x) - 1;
    case Shape::kCross: break;
  }
  return std::min(std::abs(x), std::abs(y)) <= 0.3 && std::max(std::abs(x), std::abs(y)) <= 1;
}

}  // namespace

Image draw_scene(const Scene& scene, int size, std::uint64_t seed, std::int64_t index) {
  const int side = size * kFiner;
  Image fine(side, side, 3);
  std::fill(fine.pixels.begin(), fine.pixels.end(), static_cast<std::uint8_t>(scene.ground));
  for (const SceneObject& object : scene.objects) {
    const auto colour = colour_of(object.colour);
    for (int y = 0; y < side; ++y)
      for (int x = 0; x < side; ++x)
        if (is_inside(object.shape, ((x + 0.5) / side - object.x) / object.radius, ((y + 0.5) / side - object.y) / object.radius))
          std::copy(colour.begin(), colour.end(), fine.at(x, y));
  }
  Image image = resize_image(fine, size, size, ResizeFilter::kBox);
  const std::uint64_t key = random_key(seed, fmt::format("noise.{}", index));
  for (std::size_t i = 0; i < image.pixels.size(); ++i)
    image.pixels[i] = static_cast<std::uint8_t>(std::clamp(std::lround(image.pixels[i] + kNoise * random_normal(key, i)), 0L, 255L));
  return image;
}

}  // namespace sluice::data
