#include "data/scenes/write_scenes.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/random.hpp"
#include "core/base/run_program.hpp"
#include "data/media/write_png.hpp"
#include "data/scenes/draw_scene.hpp"
#include "data/scenes/scene.hpp"

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <map>
#include <optional>

namespace sluice::data {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

constexpr const char* kSpeaker = "espeak-ng";

void make_folder(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw data_error("{}: it cannot be made: {}", folder.string(), failed.message());
}

// "eSpeak NG text-to-speech: 1.51  Data at: ..." -> "1.51"; nothing if there is no such program.
std::optional<std::string> version_of_speaker() {
  const auto said = run_program({kSpeaker, "--version"});
  if (!said || said->code != 0) return std::nullopt;
  const std::size_t begin = said->output.find(": ");
  if (begin == said->output.npos) return "unknown";
  return said->output.substr(begin + 2, said->output.find(' ', begin + 2) - begin - 2);
}

// Says questions in several voices; each text in each voice once.
class Speaker {
 public:
  explicit Speaker(fs::path folder) : folder_(std::move(folder)) {}

  /// The file's name.
  std::string say(const std::string& text, int voice) {
    const auto [found, is_new] = names_.try_emplace({text, voice}, fmt::format("{:05}.wav", names_.size()));
    if (!is_new) return found->second;
    const fs::path file = folder_ / found->second;
    const auto done =
        run_program({kSpeaker, "-v", kVoices[voice % kDifferent], "-s", voice < kDifferent ? "150" : "185", "-w", file.string(), text});
    if (!done || done->code != 0 || !fs::exists(file))
      throw data_error("{}: {} did not say '{}' (exit code {})", file.string(), kSpeaker, text, done ? done->code : -1);
    return found->second;
  }

  static constexpr int kDifferent = 4, kAll = 2 * kDifferent;  // voices, each slow and fast

 private:
  static constexpr const char* kVoices[kDifferent] = {"en-us", "en-us+f3", "en-gb", "en-gb+m3"};
  fs::path folder_;
  std::map<std::pair<std::string, int>, std::string> names_;
};

}  // namespace

WrittenScenes write_scenes(const fs::path& folder, const ScenesSettings& settings) {
  make_folder(folder);
  if (!fs::is_empty(folder)) throw data_error("{}: the folder is not empty; name another one, or remove it", folder.string());
  make_folder(folder / "images");
  const std::optional<std::string> version = settings.speech ? version_of_speaker() : std::nullopt;
  if (version) make_folder(folder / "speech");
  Speaker speaker(folder / "speech");
  std::string train, validation, test;
  WrittenScenes written;
  for (std::int64_t i = 0; i < settings.count; ++i) {
    const Scene scene = make_scene(settings.seed, i);
    const SceneQuestion question = question_of(scene, settings.seed, i);
    const std::string name = fmt::format("{:06}", i);
    write_file_atomically(folder / "images" / (name + ".png"), encode_png(draw_scene(scene, settings.size, settings.seed, i)));
    Json sample = {{"id", name},
                   {"image", "images/" + name + ".png"},
                   {"text", captions_of(scene)},
                   {"question", question.text},
                   {"answers", {question.answer}},
                   {"question_type", question.type},
                   {"label", label_of(scene)}};
    if (version) {
      const int voice = static_cast<int>(random_uniform(random_key(settings.seed, "voice"), static_cast<std::uint64_t>(i)) * Speaker::kAll);
      sample["audio"] = "speech/" + speaker.say(question.text, voice);
    }
    const std::int64_t tenth = i % 10;
    (tenth == 8 ? validation : tenth == 9 ? test : train) += sample.dump() + "\n";
    ++(tenth == 8 ? written.validation : tenth == 9 ? written.test : written.train);
  }
  write_file_atomically(folder / "train.jsonl", train);
  write_file_atomically(folder / "validation.jsonl", validation);
  write_file_atomically(folder / "test.jsonl", test);
  written.speech = version.value_or("");
  write_file_atomically(
      folder / "scenes.json",
      Json{{"count", settings.count}, {"size", settings.size}, {"seed", settings.seed}, {"espeak_ng", written.speech}}.dump(2) + "\n");
  return written;
}

}  // namespace sluice::data
