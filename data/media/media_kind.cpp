#include "data/media/media_kind.hpp"

#include <cstddef>

namespace sluice::data {
namespace {

struct Mark {
  std::size_t at;
  std::string_view bytes;
  KnownMedia is;
};

using enum MediaKind;
using namespace std::string_view_literals;

// RIFF holds several formats, and so does the box at the start of an ISO file: their names are at a distance, longer marks first.
constexpr Mark kMarks[] = {
    {0, "\x89PNG\r\n\x1a\n"sv, {kPng, "a PNG"}},
    {0, "\xFF\xD8\xFF"sv, {kJpeg, "a JPEG"}},
    {0, "fLaC"sv, {kFlac, "a FLAC"}},
    {8, "WAVE"sv, {kWav, "a WAV"}},
    {8, "WEBP"sv, {kOther, "a WebP picture"}},
    {8, "AVI "sv, {kOther, "an AVI film"}},
    {0, "GIF87a"sv, {kOther, "a GIF picture"}},
    {0, "GIF89a"sv, {kOther, "a GIF picture"}},
    {0, "BM"sv, {kOther, "a BMP picture"}},
    {0, "II*\0"sv, {kOther, "a TIFF picture"}},
    {0, "MM\0*"sv, {kOther, "a TIFF picture"}},
    {4, "ftypavif"sv, {kOther, "an AVIF picture"}},
    {4, "ftyphei"sv, {kOther, "a HEIC picture"}},
    {4, "ftypM4A"sv, {kOther, "an M4A sound"}},
    {4, "ftyp"sv, {kOther, "an MP4 film"}},
    {0, "OggS"sv, {kOther, "an Ogg sound"}},
    {0, "ID3"sv, {kOther, "an MP3 sound"}},
    {0, "FORM"sv, {kOther, "an AIFF sound"}},
};

}  // namespace

KnownMedia media_kind(std::string_view bytes) {
  for (const Mark& mark : kMarks) {
    if (bytes.size() < mark.at + mark.bytes.size() || bytes.substr(mark.at, mark.bytes.size()) != mark.bytes) continue;
    if (mark.at == 8 && bytes.substr(0, 4) != "RIFF" && bytes.substr(0, 4) != "RF64" && bytes.substr(0, 4) != "RIFX") continue;
    return mark.is;
  }
  // A frame of MPEG audio begins with eleven ones; the layer bits (of 2 and 3) tell it from AAC, whose are zero.
  if (bytes.size() >= 2 && bytes[0] == '\xFF' && (static_cast<unsigned char>(bytes[1]) & 0xE0) == 0xE0)
    return {kOther, (static_cast<unsigned char>(bytes[1]) & 0x06) == 0 ? "an AAC sound" : "an MP3 sound"};
  return {};
}

}  // namespace sluice::data
