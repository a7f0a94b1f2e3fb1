// In the place of png_writer.cpp where there is no libpng.
#include "data/media/media_error.hpp"
#include "data/media/write_png.hpp"

namespace sluice::data {

std::string encode_png(const Image&) {
  throw MediaError(MediaProblem::kUnsupported, "PNG files cannot be written: this program was built without libpng (Debian: libpng-dev)");
}

}  // namespace sluice::data
