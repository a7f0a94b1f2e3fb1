// Sounds from bytes, and what is said of those that are none.
#include "data/media/decode_sound.hpp"

#include "data/media/media_error.hpp"
#include "data/media/sound_codec.hpp"
#include "tests/data/media/small_files.hpp"
#include "tests/support/catch.hpp"

#include <limits>
#include <optional>
#include <string>

using namespace sluice;
using namespace sluice::data;
using namespace sluice::testing;

namespace {

std::optional<MediaProblem> problem_of(std::string_view bytes) {
  try {
    decode_sound(bytes, {}, "sound");
  } catch (const MediaError& error) {
    const std::string text = error.what();
    CHECK(text.find("sound: ") == 0);
    CHECK(text.find('\n') == std::string::npos);
    return error.problem();
  }
  return std::nullopt;
}

// A WAV of float samples.
std::string wav(int channels, int rate, const std::vector<float>& samples) {
  const auto number = [](std::uint32_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> 8 * i);
    return text;
  };
  const auto size = static_cast<std::uint32_t>(4 * samples.size());
  const auto frame = static_cast<std::uint32_t>(4 * channels);
  std::string file = "RIFF" + number(36 + size, 4) + "WAVEfmt " + number(16, 4) + number(3, 2) +
                     number(static_cast<std::uint32_t>(channels), 2) + number(static_cast<std::uint32_t>(rate), 4) +
                     number(static_cast<std::uint32_t>(rate) * frame, 4) + number(frame, 2) + number(32, 2) + "data" + number(size, 4);
  file.append(reinterpret_cast<const char*>(samples.data()), size);
  return file;
}

}  // namespace

TEST_CASE("sounds are decoded, mixed down and cut") {
  if (!kHasSndfile) {
    CHECK(problem_of(small_file(kWavBytes)) == MediaProblem::kUnsupported);
    return;
  }
  for (const std::string_view file : {small_file(kWavBytes), small_file(kFlacBytes)}) {
    const Sound sound = decode_sound(file, {}, "sound");
    CHECK(sound.sample_rate == 8000);
    REQUIRE(sound.samples.size() == 64);
    CHECK(sound.samples[1] == Approx(0.5).margin(1e-4));
    CHECK(sound.samples[4] == Approx(-1.0).margin(1e-4));
    CHECK(sound.cut == 0);
    const Sound start = decode_sound(file, {.max_seconds = 0.002}, "sound");
    CHECK(start.samples == std::vector<float>(sound.samples.begin(), sound.samples.begin() + 16));
    CHECK(start.cut == 48);
  }
  const Sound mixed = decode_sound(wav(2, 44100, {1.0f, 0.5f, -1.0f, 0.0f}), {}, "sound");
  CHECK(mixed.samples == std::vector<float>{0.75f, -0.5f});
}

TEST_CASE("a sound that is none, empty, cut short or broken is an error of one line, and never more") {
  CHECK(problem_of("") == MediaProblem::kEmpty);
  CHECK(problem_of("hello, world") == MediaProblem::kDamaged);
  CHECK(problem_of("ID3\x04 music") == MediaProblem::kUnsupported);
  CHECK(problem_of(small_file(kRgbPngBytes)) == MediaProblem::kUnsupported);
  if (!kHasSndfile) return;
  CHECK(problem_of(wav(1, 8000, {})) == MediaProblem::kEmpty);
  CHECK(problem_of(wav(1, 10, {0.5f})) == MediaProblem::kDamaged);
  CHECK(problem_of(wav(1, 8000, {0.5f, std::numeric_limits<float>::quiet_NaN()})) == MediaProblem::kDamaged);
  for (const std::string_view whole : {small_file(kWavBytes), small_file(kFlacBytes)}) {
    CHECK_FALSE(problem_of(whole).has_value());
    for (std::size_t size = 12; size < whole.size(); ++size) {
      INFO("cut to " << size << " of " << whole.size());
      CHECK(problem_of(whole.substr(0, size)) == MediaProblem::kDamaged);
    }
    for (std::size_t at = 0; at < whole.size(); ++at) {
      std::string broken(whole);
      broken[at] = static_cast<char>(~broken[at]);
      problem_of(broken);
    }
  }
}
