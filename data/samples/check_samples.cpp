#include "data/samples/check_samples.hpp"

#include "core/base/files.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <exception>
#include <numeric>
#include <thread>

namespace sluice::data {
namespace {

constexpr std::int64_t kSamplesAtOnce = 16;

void note(const MediaError& error, std::int64_t index, SampleReport& report) {
  ++report.problems[static_cast<std::size_t>(error.problem())];
  report.first_bad.push_back({index, error.what()});
}

void take_as_input(const Image& image, const ImageSettings& settings, SampleReport& report) {
  const FittedImage fitted = fit_image(image, settings);
  report.image_cut.add(fitted.cut);
  report.image_cut_millionths += std::llround(1e6 * fitted.cut);
}

void take_as_input(const Sound& sound, const SoundInput& input, SampleReport& report) {
  const SoundRows made = input(sound);
  report.audio_rows.add(made.rows);
  report.audio_cut_seconds.add(made.cut_seconds);
}

void look_at(const Sample& sample, std::int64_t index, const SampleDecoding& decoding, const SoundInput* sound_input,
             SampleReport& report) {
  ++report.samples;
  report.text += !sample.text.empty();
  report.image += sample.has_image();
  report.audio += sample.has_audio();
  report.question += !sample.question.empty();
  if (!sample.text.empty()) report.texts.add(static_cast<std::int64_t>(sample.text.size()));
  for (const std::string& text : sample.text) report.text_bytes.add(static_cast<std::int64_t>(text.size()));
  if (!sample.question.empty()) report.answers.add(static_cast<std::int64_t>(sample.answers.size()));
  for (const Answer& answer : sample.answers) report.different_answers.insert(answer.text);
  if (!sample.label.empty()) {
    ++report.label;
    report.labels.insert(sample.label);
  }
  if (sample.has_image()) try {
      const Image image = sample.pixels
                              ? with_channels(*sample.pixels, decoding.image.channels)
                              : decode_image(read_media(sample.image, decoding.max_file_bytes), decoding.image, sample.image.string());
      report.image_width.add(image.width);
      report.image_height.add(image.height);
      if (decoding.image_input) take_as_input(image, *decoding.image_input, report);
    } catch (const MediaError& error) {
      note(error, index, report);
    }
  if (sample.has_audio()) try {
      const Sound sound = decode_sound(read_media(sample.audio, decoding.max_file_bytes), decoding.sound, sample.audio.string());
      report.sample_rate.add(sound.sample_rate);
      report.audio_seconds.add(static_cast<double>(static_cast<std::int64_t>(sound.samples.size()) + sound.cut) / sound.sample_rate);
      report.audio_cut += sound.cut > 0;
      if (sound_input != nullptr) take_as_input(sound, *sound_input, report);
    } catch (const MediaError& error) {
      note(error, index, report);
    }
}

void add(SampleReport&& part, SampleReport& sum) {
  for (std::int64_t SampleReport::*const count : {&SampleReport::samples, &SampleReport::text, &SampleReport::image, &SampleReport::audio,
                                                  &SampleReport::question, &SampleReport::label, &SampleReport::audio_cut})
    sum.*count += part.*count;
  for (Range<std::int64_t> SampleReport::*const range : {&SampleReport::texts, &SampleReport::text_bytes, &SampleReport::answers})
    (sum.*range).add(part.*range);
  for (Range<int> SampleReport::*const range : {&SampleReport::image_width, &SampleReport::image_height, &SampleReport::sample_rate})
    (sum.*range).add(part.*range);
  for (Range<double> SampleReport::*const range :
       {&SampleReport::audio_seconds, &SampleReport::image_cut, &SampleReport::audio_cut_seconds})
    (sum.*range).add(part.*range);
  sum.audio_rows.add(part.audio_rows);
  sum.image_cut_millionths += part.image_cut_millionths;
  sum.labels.merge(part.labels);
  sum.different_answers.merge(part.different_answers);
  for (std::size_t i = 0; i < sum.problems.size(); ++i) sum.problems[i] += part.problems[i];
  sum.first_bad.insert(sum.first_bad.end(), part.first_bad.begin(), part.first_bad.end());
}

}  // namespace

std::int64_t SampleReport::bad() const { return std::accumulate(problems.begin(), problems.end(), std::int64_t{0}); }

std::string read_media(const std::filesystem::path& path, std::uint64_t most) {
  std::error_code failed;
  const std::uintmax_t size = std::filesystem::file_size(path, failed);
  if (failed) throw MediaError(MediaProblem::kUnreadable, "{}: {}", path.string(), failed.message());
  if (size > most) throw MediaError(MediaProblem::kTooLarge, "{}: {} bytes; the limit is {}", path.string(), size, most);
  try {
    return read_file(path);
  } catch (const Error& error) {
    throw MediaError(MediaProblem::kUnreadable, "{}", error.what());
  }
}

SampleReport check_samples(const SampleSource& source, const SampleDecoding& decoding, int threads) {
  std::atomic<std::int64_t> next = 0;
  std::vector<SampleReport> parts(static_cast<std::size_t>(std::max(1, threads)));
  std::vector<std::exception_ptr> failures(parts.size());
  const std::optional<SoundInput> sound_input = decoding.sound_input ? std::optional<SoundInput>(*decoding.sound_input) : std::nullopt;
  std::vector<std::thread> workers;
  for (std::size_t worker = 0; worker < parts.size(); ++worker)
    workers.emplace_back([&, worker] {
      try {
        for (std::int64_t begin = next.fetch_add(kSamplesAtOnce); begin < source.size(); begin = next.fetch_add(kSamplesAtOnce))
          for (std::int64_t i = begin; i < std::min(begin + kSamplesAtOnce, source.size()); ++i)
            look_at(source.at(i), i, decoding, sound_input ? &*sound_input : nullptr, parts[worker]);
      } catch (...) {
        failures[worker] = std::current_exception();
      }
    });
  for (std::thread& worker : workers) worker.join();
  for (const std::exception_ptr& failure : failures)
    if (failure) std::rethrow_exception(failure);
  SampleReport report;
  for (SampleReport& part : parts) add(std::move(part), report);
  std::sort(report.first_bad.begin(), report.first_bad.end(),
            [](const auto& a, const auto& b) { return a.sample != b.sample ? a.sample < b.sample : a.message < b.message; });
  if (report.first_bad.size() > SampleReport::kLocated) report.first_bad.resize(SampleReport::kLocated);
  return report;
}

}  // namespace sluice::data
