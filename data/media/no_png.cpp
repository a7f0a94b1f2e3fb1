// In the place of png.cpp where there is no libpng.
#include "data/media/image_codecs.hpp"
#include "data/media/media_error.hpp"

namespace sluice::data {

const bool kHasPng = false;

StoredImage decode_png(std::string_view, std::int64_t, const std::string& where) {
  throw MediaError(MediaProblem::kUnsupported, "{}: a PNG, but this program was built without libpng (Debian: libpng-dev)", where);
}

}  // namespace sluice::data
