// Sounds at another rate and as spectra; media_parity_test.sh compares them with other programs.
#include "data/media/mel_spectrogram.hpp"

#include "data/media/resample_sound.hpp"
#include "tests/support/catch.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace sluice::data;

namespace {

std::vector<float> tone(double hertz, int rate, int samples) {
  std::vector<float> made;
  for (int i = 0; i < samples; ++i) made.push_back(static_cast<float>(std::sin(2 * std::numbers::pi * hertz * i / rate)));
  return made;
}

const MelSettings kSmall = {.sample_rate = 8000, .window = 256, .hop = 128, .bands = 40, .max_frequency = 4000};

}  // namespace

TEST_CASE("a tone is loudest in the band of its pitch, whatever the rate it was recorded at") {
  const MelSpectrogram spectrum(kSmall);
  const auto loudest = [&](const std::vector<float>& samples) {
    const std::vector<float> made = spectrum(samples);
    REQUIRE(made.size() == static_cast<std::size_t>(spectrum.frames(static_cast<std::int64_t>(samples.size())) * kSmall.bands));
    const auto middle = made.begin() + 8 * kSmall.bands;
    return std::max_element(middle, middle + kSmall.bands) - middle;
  };
  const std::vector<double> filters = mel_filters(kSmall);
  for (const double hertz : {440.0, 1000.0, 3000.0}) {
    const auto bin = static_cast<std::int64_t>(std::lround(hertz / 8000 * 256));
    const auto row = filters.begin() + bin * kSmall.bands;
    const auto band = std::max_element(row, row + kSmall.bands) - row;
    CHECK(loudest(tone(hertz, 8000, 4000)) == band);
    CHECK(loudest(resample_sound(tone(hertz, 22050, 11025), 22050, 8000)) == band);
  }
}

TEST_CASE("silence and sounds shorter than a window have a spectrum") {
  const MelSpectrogram spectrum(kSmall);
  for (const float value : spectrum(std::vector<float>(1000, 0.0f))) CHECK(value == Approx(-10.0));
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{127}, std::size_t{128}, std::size_t{129}}) {
    const std::vector<float> made = spectrum(std::vector<float>(size, 0.5f));
    CHECK(made.size() == static_cast<std::size_t>((1 + static_cast<std::int64_t>(size) / kSmall.hop) * kSmall.bands));
    for (const float value : made) CHECK(std::isfinite(value));
  }
}

TEST_CASE("another rate has as many samples as the time asks for, and keeps what is slow") {
  CHECK(resample_sound(std::vector<float>(100, 0.5f), 8000, 8000) == std::vector<float>(100, 0.5f));
  CHECK(resample_sound({}, 8000, 16000).empty());
  for (const auto& [rate, wanted] : {std::pair{8000, 16000}, {16000, 8000}, {44100, 16000}, {8000, 11025}}) {
    const std::vector<float> made = resample_sound(std::vector<float>(999, 0.5f), rate, wanted);
    CHECK(made.size() == static_cast<std::size_t>((999LL * wanted + rate - 1) / rate));
    CHECK(made[made.size() / 2] == Approx(0.5).epsilon(2e-3));
  }
}
