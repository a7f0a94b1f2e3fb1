// In the place of jpeg.cpp where there is no libjpeg.
#include "data/media/image_codecs.hpp"
#include "data/media/media_error.hpp"

namespace sluice::data {

const bool kHasJpeg = false;

StoredImage decode_jpeg(std::string_view, std::int64_t, const std::string& where) {
  throw MediaError(MediaProblem::kUnsupported, "{}: a JPEG, but this program was built without libjpeg (Debian: libjpeg62-turbo-dev)",
                   where);
}

}  // namespace sluice::data
