// A sound as a model takes it: at one sample rate, as a log-mel spectrum, cut into patches in time, normalised. Gives: SoundSettings,
// SoundRows, SoundInput.
#pragma once

#include "data/media/mel_spectrogram.hpp"
#include "data/media/sound.hpp"

#include <cstdint>
#include <vector>

namespace sluice::data {

/// Part of what a model is: other numbers give it other inputs.
struct SoundSettings {
  MelSettings mel;
  int frames_per_row = 4;
  double max_seconds = 10;                   // what follows is cut off
  double mean = -4, standard_deviation = 4;  // of the logarithms; the second is above 0

  std::int64_t row_width() const { return static_cast<std::int64_t>(frames_per_row) * mel.bands; }
  std::int64_t max_rows() const;
  bool operator==(const SoundSettings&) const = default;
};

struct SoundRows {
  std::vector<float> values;  // [rows, frames_per_row * bands], frame after frame
  std::int64_t rows = 0;      // at least 1, at most max_rows(): as many as the sound is long
  double cut_seconds = 0;     // of the sound
};

/// The settings' tables, made once. Safe to use from several threads at once.
class SoundInput {
 public:
  explicit SoundInput(const SoundSettings& settings) : settings_(settings), spectrogram_(settings.mel) {}

  /// The frames of the last row that the sound does not fill are silence. (log10(power) - mean) / standard_deviation.
  SoundRows operator()(const Sound& sound) const;

 private:
  SoundSettings settings_;
  MelSpectrogram spectrogram_;
};

}  // namespace sluice::data
