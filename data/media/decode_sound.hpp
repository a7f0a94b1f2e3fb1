// Sounds from bytes: WAV and FLAC, mixed down to one channel.
#pragma once

#include "data/media/sound.hpp"

#include <string>
#include <string_view>

namespace sluice::data {

struct SoundDecoding {
  double max_seconds = 600;  // what follows is not decoded, and counted in Sound::cut; above 0
};

/// Integers of 8 to 32 bits and floating-point numbers become numbers from -1 to 1; channels are averaged. `where` (a file name) begins the
/// message of every error.
/// MediaError: not a sound (MP3, Ogg and others by name), damaged or cut short, without samples, with samples that are no numbers, with
/// more than 64 channels or a rate outside 1 to 768 kHz, or of a format this program was built without.
Sound decode_sound(std::string_view bytes, const SoundDecoding& decoding, const std::string& where);

/// The formats this program was built with, for messages: "WAV, FLAC"; "" if there are none.
std::string sound_formats();

}  // namespace sluice::data
