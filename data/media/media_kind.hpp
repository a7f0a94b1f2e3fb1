// Tells pictures and sounds by their first bytes, whatever their names say.
#pragma once

#include <string_view>

namespace sluice::data {

enum class MediaKind { kPng, kJpeg, kWav, kFlac, kOther };

struct KnownMedia {
  MediaKind kind = MediaKind::kOther;
  std::string_view name;  // with its article, for messages: "an MP3"; "" if the bytes are of no kind that is known here
};

/// `bytes` are the first of a file: 16 are enough. kOther with a name is a format that is known and not read (WebP, GIF, MP3, ...).
KnownMedia media_kind(std::string_view bytes);

}  // namespace sluice::data
