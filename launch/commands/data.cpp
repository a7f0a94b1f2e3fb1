#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include <algorithm>

#include "core/base/counted.hpp"
#include "core/base/error.hpp"
#include "core/base/log.hpp"
#include "core/base/omp_threads.hpp"
#include "data/samples/check_samples.hpp"
#include "data/scenes/write_scenes.hpp"
#include "launch/commands/commands.hpp"
#include "launch/commands/data_format.hpp"

namespace sluice {
namespace {

using data::MediaProblem;
using data::SampleFormat;
using data::SampleReport;
using Json = nlohmann::ordered_json;

std::int64_t count_of(const SampleReport& report, MediaProblem problem) { return report.problems[static_cast<std::size_t>(problem)]; }

// Names of files may be of any bytes.
std::string one_line(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The share of a picture that is cut off.
double mean_cut(const SampleReport& report) {
  return 1e-6 * static_cast<double>(report.image_cut_millionths) / static_cast<double>(report.image_cut.count);
}

template <class Number>
Json json_of(const data::Range<Number>& range) {
  return {{"min", range.least}, {"max", range.most}};
}

Json json_of(const SampleReport& report, const DataOptions& options, SampleFormat format, const data::SampleSource& source) {
  Json json = {{"path", options.path}, {"format", std::string(name_of(format))}, {"samples", report.samples}};
  if (report.text > 0) json["text"] = {{"samples", report.text}, {"texts", report.text_bytes.count}, {"bytes", json_of(report.text_bytes)}};
  if (report.image > 0)
    json["image"] = {{"samples", report.image},
                     {"decoded", report.image_width.count},
                     {"width", json_of(report.image_width)},
                     {"height", json_of(report.image_height)}};
  if (report.audio > 0)
    json["audio"] = {{"samples", report.audio},
                     {"decoded", report.audio_seconds.count},
                     {"seconds", json_of(report.audio_seconds)},
                     {"sample_rate", json_of(report.sample_rate)},
                     {"longer_than_max", report.audio_cut}};
  if (report.image_cut.count > 0) {
    json["image"]["cut"] = json_of(report.image_cut);
    json["image"]["cut"]["mean"] = mean_cut(report);
  }
  if (report.audio_rows.count > 0) {
    json["audio"]["rows"] = json_of(report.audio_rows);
    json["audio"]["cut_seconds"] = json_of(report.audio_cut_seconds);
  }
  if (report.question > 0)
    json["question"] = {
        {"samples", report.question}, {"answers", json_of(report.answers)}, {"different_answers", report.different_answers.size()}};
  if (report.label > 0) json["label"] = {{"samples", report.label}, {"different", report.labels.size()}};
  Json problems = Json::object(), first = Json::array();
  for (const auto& [problem, name] : names_of(MediaProblem{})) problems[std::string(name)] = count_of(report, problem);
  for (const auto& bad : report.first_bad) first.push_back({{"id", source.at(bad.sample).id}, {"error", bad.message}});
  json["bad"] = report.bad();
  json["problems"] = problems;
  json["first_bad"] = first;
  return json;
}

template <class Number>
std::string between(const data::Range<Number>& range) {
  return range.least == range.most ? fmt::format("{}", range.least) : fmt::format("{} to {}", range.least, range.most);
}

template <class Number>
std::string counted_range(const data::Range<Number>& range, std::string_view noun) {
  return fmt::format("{} {}", between(range), plural(range.most, noun));
}

void say(const char* what, const std::string& text) { log_info("  {:<10}{}", what, text); }

void print(const SampleReport& report, const DataOptions& options, SampleFormat format, const data::SampleSource& source) {
  log_info("{} ({}): {}", options.path, name_of(format), counted(report.samples, "sample"));
  if (report.text > 0)
    say("text", fmt::format("{}; {} of {} bytes", report.text, counted(report.text_bytes.count, "text"), between(report.text_bytes)));
  if (report.image > 0)
    say("image", report.image_width.count == 0
                     ? fmt::format("{}", report.image)
                     : fmt::format("{}; {} wide and {} high", report.image, between(report.image_width), between(report.image_height)));
  if (report.image_cut.count > 0)
    say("", fmt::format("as {0} x {0}, {1}: {2:.1f} % is cut off, {3:.1f} % at most", options.image_size, options.fit,
                        100 * mean_cut(report), 100 * report.image_cut.most));
  if (report.audio_seconds.count > 0)
    say("audio", fmt::format("{}; {:.2f} to {:.2f} s at {} Hz{}", report.audio, report.audio_seconds.least, report.audio_seconds.most,
                             between(report.sample_rate),
                             report.audio_cut == 0 ? "" : fmt::format("; {} longer than {} s", report.audio_cut, options.max_seconds)));
  else if (report.audio > 0) say("audio", fmt::format("{}", report.audio));
  if (report.audio_rows.count > 0)
    say("", fmt::format("as log-mel spectra: {} rows of {} frames a hundredth of a second apart", between(report.audio_rows),
                        data::SoundSettings{}.frames_per_row));
  if (report.question > 0)
    say("question", fmt::format("{}; {} each, {} different", report.question, counted_range(report.answers, "answer"),
                                report.different_answers.size()));
  if (report.label > 0) say("label", fmt::format("{}; {} different", report.label, report.labels.size()));
  if (report.bad() == 0) return;
  std::vector<std::string> kinds;
  for (const auto& [problem, name] : names_of(MediaProblem{}))
    if (const std::int64_t count = count_of(report, problem); count > 0) kinds.push_back(fmt::format("{} {}", count, name));
  say("bad", fmt::format("{}", fmt::join(kinds, ", ")));
  for (const auto& bad : report.first_bad) say("", fmt::format("sample '{}': {}", source.at(bad.sample).id, bad.message));
}

int check(const DataOptions& options) {
  const data::SampleSpec spec = sample_spec(options);
  const SampleFormat format = spec.format;
  const auto source = data::open_samples(spec);
  data::SampleDecoding decoding;
  decoding.image.max_pixels = options.max_pixels;
  decoding.sound.max_seconds = options.max_seconds;
  if (options.image_size > 0) {
    const auto fit = value_of<data::ImageFit>(options.fit);
    if (!fit) throw usage_error("--fit {}: expected crop, pad or stretch", options.fit);
    const int size = static_cast<int>(options.image_size);
    decoding.image_input = data::ImageSettings{.width = size, .height = size, .patch = 1, .fit = *fit};
  }
  if (options.sample_rate > 0) {
    const int rate = static_cast<int>(options.sample_rate);
    data::SoundSettings settings;
    settings.mel = {.sample_rate = rate, .window = rate / 80 * 2, .hop = rate / 100, .max_frequency = rate / 2.0};
    settings.max_seconds = options.max_seconds;
    decoding.sound_input = settings;
  }
  const SampleReport report = data::check_samples(*source, decoding, threads_to_use());
  if (options.json) log_info("{}", one_line(json_of(report, options, format, *source)));
  else print(report, options, format, *source);
  if (report.bad() == 0) return 0;
  throw data_error("{}: {} of {} pictures and sounds cannot be used", options.path, report.bad(), report.image + report.audio);
}

int make_scenes(const DataOptions& options) {
  const data::WrittenScenes written = data::write_scenes(
      options.path, {options.count, static_cast<int>(options.size), static_cast<std::uint64_t>(options.seed), options.speech});
  log_info("{}: {} to train on (train.jsonl), {} to validate (validation.jsonl), {} to test (test.jsonl); questions {}", options.path,
           counted(written.train, "scene"), written.validation, written.test,
           !written.speech.empty() ? "spoken by espeak-ng " + written.speech
           : options.speech        ? "not spoken: espeak-ng is not installed"
                                   : "not spoken");
  return 0;
}

}  // namespace

int data_command(const DataOptions& options) {
  switch (options.action) {
    case DataAction::kCheck: return check(options);
    case DataAction::kMakeScenes: return make_scenes(options);
    case DataAction::kScore: break;
  }
  return data_score_command(options);
}

}  // namespace sluice
