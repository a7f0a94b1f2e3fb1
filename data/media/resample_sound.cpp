#include "data/media/resample_sound.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <numeric>

namespace sluice::data {
namespace {

constexpr double kZeroCrossings = 6, kRolloff = 0.99;

// The filter at `t` zero crossings from its middle.
double windowed_sinc(double t) {
  t = std::clamp(t, -kZeroCrossings, kZeroCrossings);
  const double cosine = std::cos(t * std::numbers::pi / kZeroCrossings / 2), angle = t * std::numbers::pi;
  return cosine * cosine * (angle == 0 ? 1 : std::sin(angle) / angle);
}

}  // namespace

std::vector<float> resample_sound(std::span<const float> samples, int rate, int wanted) {
  if (rate == wanted) return {samples.begin(), samples.end()};
  const std::int64_t common = std::gcd(rate, wanted), in = rate / common, out = wanted / common;
  // Every `out` samples of the result lie among those of `samples` as the ones before, so there are `out` sets of weights.
  const double cutoff = kRolloff * static_cast<double>(std::min(in, out));
  const auto reach = static_cast<std::int64_t>(std::ceil(kZeroCrossings * static_cast<double>(in) / cutoff));
  const std::int64_t taps = 2 * reach + in, size = static_cast<std::int64_t>(samples.size());
  std::vector<double> weights(static_cast<std::size_t>(out * taps));
  for (std::int64_t phase = 0; phase < out; ++phase)
    for (std::int64_t k = 0; k < taps; ++k) {
      const double distance =
          static_cast<double>(k - reach) / static_cast<double>(in) - static_cast<double>(phase) / static_cast<double>(out);
      weights[static_cast<std::size_t>(phase * taps + k)] = windowed_sinc(distance * cutoff) * cutoff / static_cast<double>(in);
    }
  std::vector<float> made(static_cast<std::size_t>((size * out + in - 1) / in));
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(made.size()); ++i) {
    const std::int64_t first = i / out * in - reach;
    const double* weight = weights.data() + i % out * taps;
    double sum = 0;
    for (std::int64_t k = std::max<std::int64_t>(0, -first), end = std::min(taps, size - first); k < end; ++k)
      sum += weight[k] * static_cast<double>(samples[static_cast<std::size_t>(first + k)]);
    made[static_cast<std::size_t>(i)] = static_cast<float>(sum);
  }
  return made;
}

}  // namespace sluice::data
