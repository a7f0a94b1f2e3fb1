// Sounds as pictures: how much of each band of pitch there is at each moment, as transformers.audio_utils computes it.
// Gives: MelScale, MelSettings, mel_filters(), MelSpectrogram.
#pragma once

#include "core/base/enum_names.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::data {

/// Slaney's (1998): linear to 1 kHz, logarithmic above. HTK's: 2595 log10(1 + f / 700).
enum class MelScale { kSlaney, kHtk };
inline constexpr EnumName<MelScale> kMelScaleNames[] = {{MelScale::kSlaney, "slaney"}, {MelScale::kHtk, "htk"}};
constexpr std::span<const EnumName<MelScale>> names_of(MelScale) { return kMelScaleNames; }

/// Part of what a model is: other numbers give it other inputs.
struct MelSettings {
  int sample_rate = 16000;
  int window = 400;                                // samples a frame, under a periodic Hann window; 2 to 65536
  int hop = 160;                                   // samples between two frames; at least 1
  int bands = 80;                                  // at least 1
  double min_frequency = 0, max_frequency = 8000;  // of the lowest and the highest band's outer edges; at most half the sample rate
  MelScale scale = MelScale::kSlaney;
  bool area_norm = true;  // bands of equal area (norm="slaney" there) instead of equal height
  double floor = 1e-10;   // power below it counts as it; above 0

  bool operator==(const MelSettings&) const = default;
};

/// [window / 2 + 1, bands], row after row: how much a frequency bin counts in a band, a triangle over the bands' neighbours.
std::vector<double> mel_filters(const MelSettings& settings);

/// The settings' tables, made once. Safe to use from several threads at once.
class MelSpectrogram {
 public:
  explicit MelSpectrogram(const MelSettings& settings);

  /// 1 + size / hop frames, the middle of frame t at sample t * hop; before its start and after its end a sound is continued as in a mirror
  /// (by silence where it is no longer than half a window).
  std::int64_t frames(std::int64_t samples) const { return 1 + samples / settings_.hop; }

  /// log10 of the bands' power, [frames, bands]; one channel at `sample_rate`.
  std::vector<float> operator()(std::span<const float> samples) const;

 private:
  MelSettings settings_;
  std::int64_t bins_;
  std::vector<double> window_;         // [window]
  std::vector<double> cosine_, sine_;  // [window]: of k / window turns
  std::vector<double> filters_;        // [bins, bands]
};

}  // namespace sluice::data
