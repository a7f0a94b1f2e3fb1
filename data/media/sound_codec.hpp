// The decoder behind decode_sound(), there or not as the program was built: sndfile.cpp or no_sndfile.cpp.
#pragma once

#include "data/media/decode_sound.hpp"

#include <string>
#include <string_view>

namespace sluice::data {

extern const bool kHasSndfile;
/// `kind`: "a WAV" or "a FLAC", which the bytes begin as.
Sound decode_with_sndfile(std::string_view bytes, std::string_view kind, const SoundDecoding& decoding, const std::string& where);

}  // namespace sluice::data
