// Pictures to files.
#pragma once

#include "data/media/image.hpp"

#include <string>

namespace sluice::data {

/// The bytes of a PNG of `image`. MediaError if this program was built without libpng.
std::string encode_png(const Image& image);

}  // namespace sluice::data
