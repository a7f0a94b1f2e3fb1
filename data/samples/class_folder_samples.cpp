// A folder with a folder a label.
#include "core/base/error.hpp"
#include "core/base/lower_case.hpp"
#include "data/samples/listed_samples.hpp"

#include <algorithm>
#include <map>

namespace sluice::data {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPictures[] = {".png", ".jpg", ".jpeg"};
constexpr std::string_view kSounds[] = {".wav", ".flac"};

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::error_code failed;
  std::vector<fs::path> entries;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    entries.push_back(entry->path());
  if (failed) throw data_error("{}: {}", folder.string(), failed.message());
  std::sort(entries.begin(), entries.end());
  return entries;
}

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

void add_label(const fs::path& folder, std::vector<Sample>& samples) {
  std::map<std::string, Sample> by_stem;
  const std::string label = folder.filename().string();
  for (const fs::path& file : sorted_entries(folder)) {
    if (is_hidden(file) || fs::is_directory(file)) continue;
    const std::string ending = lower_case(file.extension().string());
    const bool picture = std::find(std::begin(kPictures), std::end(kPictures), ending) != std::end(kPictures);
    const bool sound = std::find(std::begin(kSounds), std::end(kSounds), ending) != std::end(kSounds);
    if (!picture && !sound) continue;
    Sample& sample = by_stem[file.stem().string()];
    sample.id = label + "/" + file.stem().string();
    sample.label = label;
    fs::path& place = picture ? sample.image : sample.audio;
    if (!place.empty())
      throw data_error("{}: it and {} are the {} of one sample; expected one", file.string(), place.filename().string(),
                       picture ? "pictures" : "sounds");
    place = file;
  }
  if (by_stem.empty())
    throw data_error("{}: no picture (.png, .jpg) and no sound (.wav, .flac) in the folder of this label", folder.string());
  for (auto& [stem, sample] : by_stem) samples.push_back(std::move(sample));
}

}  // namespace

std::unique_ptr<SampleSource> read_class_folders(const SampleSpec& spec) {
  std::vector<Sample> samples;
  for (const fs::path& entry : sorted_entries(spec.path))
    if (!is_hidden(entry) && fs::is_directory(entry)) add_label(entry, samples);
  if (samples.empty()) throw data_error("{}: no folders in it; expected a folder for each label", spec.path.string());
  return std::make_unique<ListedSamples>(std::move(samples));
}

}  // namespace sluice::data
