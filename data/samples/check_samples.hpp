// Looks at every sample of a source as training would: each picture and sound is decoded. Gives: SampleReport, check_samples().
#pragma once

#include "data/media/decode_image.hpp"
#include "data/media/decode_sound.hpp"
#include "data/media/image_rows.hpp"
#include "data/media/media_error.hpp"
#include "data/media/sound_rows.hpp"
#include "data/samples/sample_source.hpp"

#include <array>
#include <cstdint>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace sluice::data {

template <class Number>
struct Range {
  Number least = 0, most = 0;
  std::int64_t count = 0;
  void add(Number value) {
    least = count == 0 || value < least ? value : least;
    most = count == 0 || value > most ? value : most;
    ++count;
  }
  void add(const Range& other) {
    if (other.count == 0) return;
    const std::int64_t sum = count + other.count;
    add(other.least);
    add(other.most);
    count = sum;
  }
};

struct SampleReport {
  std::int64_t samples = 0;
  std::int64_t text = 0, image = 0, audio = 0, question = 0, label = 0;  // samples that have one
  Range<std::int64_t> texts, text_bytes, answers;                        // of a sample, of a text, of a question
  Range<int> image_width, image_height, sample_rate;                     // of the pictures and sounds that were decoded
  Range<double> audio_seconds;
  std::int64_t audio_cut = 0;  // sounds longer than the maximum
  // As a model's input, where that was asked for:
  std::int64_t image_cut_millionths = 0;  // of a picture, that were cut off, added up over all: a sum that no order of threads changes
  Range<double> image_cut, audio_cut_seconds;
  Range<std::int64_t> audio_rows;
  std::set<std::string> labels, different_answers;

  struct Bad {
    std::int64_t sample = 0;  // its number
    std::string message;
  };
  std::array<std::int64_t, std::size(kMediaProblemNames)> problems{};  // pictures and sounds, by MediaProblem
  std::vector<Bad> first_bad;                                          // the first kLocated of them
  static constexpr std::size_t kLocated = 8;

  std::int64_t bad() const;
};

struct SampleDecoding {
  ImageDecoding image;
  SoundDecoding sound;
  std::optional<ImageSettings> image_input;  // what a model would take, to count what it loses
  std::optional<SoundSettings> sound_input;
  std::uint64_t max_file_bytes = std::uint64_t{1} << 28;  // of one picture or sound; a larger file is not read
};

/// The bytes of a picture's or sound's file. MediaError if it cannot be read or is larger than `most`.
std::string read_media(const std::filesystem::path& path, std::uint64_t most);

/// A picture that cannot be decoded is counted and named, and the others are looked at all the same. Uses so many threads; the report does
/// not depend on them.
SampleReport check_samples(const SampleSource& source, const SampleDecoding& decoding, int threads);

}  // namespace sluice::data
