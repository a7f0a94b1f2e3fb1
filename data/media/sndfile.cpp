// WAV and FLAC through libsndfile.
#include "data/media/media_error.hpp"
#include "data/media/sound_codec.hpp"
#include "data/media/wav_length.hpp"

#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <vector>

namespace sluice::data {

const bool kHasSndfile = true;

namespace {

constexpr int kMaxChannels = 64, kMinRate = 1000, kMaxRate = 768000;
constexpr sf_count_t kFramesAtOnce = 4096;

// libsndfile's file: the bytes in memory.
struct Source {
  std::string_view bytes;
  sf_count_t at = 0;
};

sf_count_t length_of(void* user) { return static_cast<sf_count_t>(static_cast<Source*>(user)->bytes.size()); }
sf_count_t tell(void* user) { return static_cast<Source*>(user)->at; }
sf_count_t write_nothing(const void*, sf_count_t, void*) { return 0; }

sf_count_t seek(sf_count_t offset, int whence, void* user) {
  Source& source = *static_cast<Source*>(user);
  const sf_count_t size = length_of(user);
  const sf_count_t from = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? source.at : size;
  if (offset < -from || offset > size - from) return -1;
  return source.at = from + offset;
}

sf_count_t read(void* out, sf_count_t count, void* user) {
  Source& source = *static_cast<Source*>(user);
  const sf_count_t taken = std::clamp<sf_count_t>(count, 0, length_of(user) - source.at);
  std::memcpy(out, source.bytes.data() + source.at, static_cast<std::size_t>(taken));
  source.at += taken;
  return taken;
}

}  // namespace

Sound decode_with_sndfile(std::string_view bytes, std::string_view kind, const SoundDecoding& decoding, const std::string& where) {
  Source source{bytes};
  SF_VIRTUAL_IO io{length_of, seek, read, write_nothing, tell};
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, int (*)(SNDFILE*)> file(sf_open_virtual(&io, SFM_READ, &info, &source), sf_close);
  const auto damaged = [&](const std::string& why) {
    return MediaError(MediaProblem::kDamaged, "{}: {} that cannot be read: {}", where, kind, why);
  };
  if (!file) throw damaged(sf_strerror(nullptr));
  if (wav_is_cut_short(bytes)) throw damaged("it is cut short");
  if (info.channels < 1 || info.channels > kMaxChannels)
    throw damaged(fmt::format("{} channels; the limit is {}", info.channels, kMaxChannels));
  if (info.samplerate < kMinRate || info.samplerate > kMaxRate)
    throw damaged(fmt::format("{} samples a second; expected {} to {}", info.samplerate, kMinRate, kMaxRate));
  if (info.frames <= 0) throw MediaError(MediaProblem::kEmpty, "{}: a sound without samples", where);
  const auto limit = static_cast<sf_count_t>(std::min(decoding.max_seconds * info.samplerate, 1e15));
  const sf_count_t wanted = std::min(info.frames, std::max<sf_count_t>(limit, 1));
  Sound sound{.sample_rate = info.samplerate, .samples = {}, .cut = info.frames - wanted};
  // A header may promise any number of samples: memory grows with those that come.
  std::vector<float> frames(static_cast<std::size_t>(kFramesAtOnce * info.channels));
  for (sf_count_t done = 0; done < wanted;) {
    const sf_count_t count = sf_readf_float(file.get(), frames.data(), std::min(kFramesAtOnce, wanted - done));
    if (count <= 0) throw damaged(fmt::format("it is cut short: {} of {} samples are there", done, info.frames));
    for (sf_count_t i = 0; i < count; ++i) {
      double sum = 0;
      for (int c = 0; c < info.channels; ++c) sum += static_cast<double>(frames[static_cast<std::size_t>(i * info.channels + c)]);
      if (!std::isfinite(sum)) throw damaged(fmt::format("sample {} is no number", done + i));
      sound.samples.push_back(static_cast<float>(sum / info.channels));
    }
    done += count;
  }
  return sound;
}

}  // namespace sluice::data
