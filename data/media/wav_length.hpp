// Whether a WAV is all there: libsndfile takes what it finds for the whole.
#pragma once

#include <string_view>

namespace sluice::data {

/// Whether the samples of a RIFF file end before the length that its header gives (chunk "data"). False where the header leaves the length
/// open, as programs do that write to a pipe, and for what is no RIFF file.
bool wav_is_cut_short(std::string_view bytes);

}  // namespace sluice::data
