// A scene as a picture.
#pragma once

#include "data/media/image.hpp"
#include "data/scenes/scene.hpp"

#include <cstdint>

namespace sluice::data {

/// size x size pixels in colour, with smooth edges, and with noise that is a function of (seed, index).
Image draw_scene(const Scene& scene, int size, std::uint64_t seed, std::int64_t index);

}  // namespace sluice::data
