// In the place of sndfile.cpp where there is no libsndfile.
#include "data/media/media_error.hpp"
#include "data/media/sound_codec.hpp"

namespace sluice::data {

const bool kHasSndfile = false;

Sound decode_with_sndfile(std::string_view, std::string_view kind, const SoundDecoding&, const std::string& where) {
  throw MediaError(MediaProblem::kUnsupported, "{}: {}, but this program was built without libsndfile (Debian: libsndfile1-dev)", where,
                   kind);
}

}  // namespace sluice::data
