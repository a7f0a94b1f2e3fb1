#include "data/media/sound_rows.hpp"

#include "core/base/integers.hpp"
#include "data/media/resample_sound.hpp"

#include <algorithm>
#include <cmath>

namespace sluice::data {
namespace {

std::int64_t max_samples(const SoundSettings& settings) {
  return std::max<std::int64_t>(1, std::llround(settings.max_seconds * settings.mel.sample_rate));
}

}  // namespace

std::int64_t SoundSettings::max_rows() const { return ceil_div(1 + max_samples(*this) / mel.hop, frames_per_row); }

SoundRows SoundInput::operator()(const Sound& sound) const {
  std::vector<float> samples = resample_sound(sound.samples, sound.sample_rate, settings_.mel.sample_rate);
  SoundRows made;
  made.cut_seconds = static_cast<double>(sound.cut) / sound.sample_rate;
  if (const auto most = static_cast<std::size_t>(max_samples(settings_)); samples.size() > most) {
    made.cut_seconds += static_cast<double>(samples.size() - most) / settings_.mel.sample_rate;
    samples.resize(most);
  }
  made.values = spectrogram_(samples);
  made.rows = ceil_div(spectrogram_.frames(static_cast<std::int64_t>(samples.size())), settings_.frames_per_row);
  made.values.resize(static_cast<std::size_t>(made.rows * settings_.row_width()), static_cast<float>(std::log10(settings_.mel.floor)));
  for (float& value : made.values) value = static_cast<float>((static_cast<double>(value) - settings_.mean) / settings_.standard_deviation);
  return made;
}

}  // namespace sluice::data
