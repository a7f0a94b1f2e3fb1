#include "data/media/decode_sound.hpp"

#include "data/media/media_error.hpp"
#include "data/media/media_kind.hpp"
#include "data/media/sound_codec.hpp"

namespace sluice::data {

std::string sound_formats() { return kHasSndfile ? "WAV, FLAC" : ""; }

Sound decode_sound(std::string_view bytes, const SoundDecoding& decoding, const std::string& where) {
  if (bytes.empty()) throw MediaError(MediaProblem::kEmpty, "{}: an empty file, not a sound", where);
  const KnownMedia known = media_kind(bytes);
  if (known.kind == MediaKind::kWav || known.kind == MediaKind::kFlac) return decode_with_sndfile(bytes, known.name, decoding, where);
  if (known.name.empty()) throw MediaError(MediaProblem::kDamaged, "{}: not a sound; expected WAV or FLAC", where);
  throw MediaError(MediaProblem::kUnsupported, "{}: {}; expected a sound as WAV or FLAC", where, known.name);
}

}  // namespace sluice::data
