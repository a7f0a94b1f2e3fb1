#include "data/media/mel_spectrogram.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace sluice::data {
namespace {

// Slaney's scale: 15 mels to 1 kHz, then 27 for every factor of 6.4.
constexpr double kBreakHertz = 1000, kBreakMel = 15, kLinear = 3.0 / 200;
const double kLogStep = std::log(6.4) / 27;

double mel_of(double hertz, MelScale scale) {
  if (scale == MelScale::kHtk) return 2595 * std::log10(1 + hertz / 700);
  return hertz < kBreakHertz ? hertz * kLinear : kBreakMel + std::log(hertz / kBreakHertz) / kLogStep;
}

double hertz_of(double mel, MelScale scale) {
  if (scale == MelScale::kHtk) return 700 * (std::pow(10, mel / 2595) - 1);
  return mel < kBreakMel ? mel / kLinear : kBreakHertz * std::exp(kLogStep * (mel - kBreakMel));
}

// Where a sound that is continued as in a mirror on both sides has sample `at`; -1: nowhere, silence.
std::int64_t mirrored(std::int64_t at, std::int64_t size, std::int64_t reach) {
  if (at >= 0 && at < size) return at;
  if (size <= reach) return -1;
  return at < 0 ? -at : 2 * (size - 1) - at;
}

}  // namespace

std::vector<double> mel_filters(const MelSettings& settings) {
  const int bins = settings.window / 2 + 1, edges = settings.bands + 2;
  const double low = mel_of(settings.min_frequency, settings.scale), high = mel_of(settings.max_frequency, settings.scale);
  std::vector<double> edge(static_cast<std::size_t>(edges));
  for (int i = 0; i < edges; ++i) edge[static_cast<std::size_t>(i)] = hertz_of(low + (high - low) * i / (edges - 1), settings.scale);
  std::vector<double> filters(static_cast<std::size_t>(bins) * static_cast<std::size_t>(settings.bands));
  for (int bin = 0; bin < bins; ++bin) {
    const double hertz = static_cast<double>(settings.sample_rate / 2) * bin / (bins - 1);
    for (int band = 0; band < settings.bands; ++band) {
      const double *left = edge.data() + band, middle = left[1], right = left[2];
      const double height = std::max(0.0, std::min((hertz - *left) / (middle - *left), (right - hertz) / (right - middle)));
      filters[static_cast<std::size_t>(bin) * static_cast<std::size_t>(settings.bands) + static_cast<std::size_t>(band)] =
          settings.area_norm ? height * 2 / (right - *left) : height;
    }
  }
  return filters;
}

MelSpectrogram::MelSpectrogram(const MelSettings& settings)
    : settings_(settings), bins_(settings.window / 2 + 1), filters_(mel_filters(settings)) {
  for (int i = 0; i < settings.window; ++i) {
    const double turn = 2 * std::numbers::pi * i / settings.window;
    window_.push_back(0.5 - 0.5 * std::cos(turn));
    cosine_.push_back(std::cos(turn));
    sine_.push_back(std::sin(turn));
  }
}

std::vector<float> MelSpectrogram::operator()(std::span<const float> samples) const {
  const std::int64_t size = static_cast<std::int64_t>(samples.size()), length = settings_.window, reach = length / 2,
                     bands = settings_.bands;
  std::vector<float> out(static_cast<std::size_t>(frames(size) * bands));
  std::vector<double> frame(static_cast<std::size_t>(length)), power(static_cast<std::size_t>(bands));
  for (std::int64_t t = 0; t < frames(size); ++t) {
    for (std::int64_t i = 0; i < length; ++i) {
      const std::int64_t from = mirrored(t * settings_.hop - reach + i, size, reach);
      frame[static_cast<std::size_t>(i)] =
          from < 0 ? 0 : window_[static_cast<std::size_t>(i)] * static_cast<double>(samples[static_cast<std::size_t>(from)]);
    }
    std::fill(power.begin(), power.end(), 0.0);
    for (std::int64_t bin = 0; bin < bins_; ++bin) {
      // A plain sum over the window: windows are a few hundred samples, and no power of two is asked of them.
      double real = 0, imaginary = 0;
      for (std::int64_t i = 0, turn = 0; i < length; ++i, turn = turn + bin < length ? turn + bin : turn + bin - length) {
        real += frame[static_cast<std::size_t>(i)] * cosine_[static_cast<std::size_t>(turn)];
        imaginary += frame[static_cast<std::size_t>(i)] * sine_[static_cast<std::size_t>(turn)];
      }
      const double energy = real * real + imaginary * imaginary;
      for (std::int64_t band = 0; band < bands; ++band)
        power[static_cast<std::size_t>(band)] += energy * filters_[static_cast<std::size_t>(bin * bands + band)];
    }
    for (std::int64_t band = 0; band < bands; ++band)
      out[static_cast<std::size_t>(t * bands + band)] =
          static_cast<float>(std::log10(std::max(settings_.floor, power[static_cast<std::size_t>(band)])));
  }
  return out;
}

}  // namespace sluice::data
