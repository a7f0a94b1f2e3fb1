// A source whose samples are all in memory, as most formats are read. Gives: ListedSamples, SampleList, and the functions that read each
// format.
#pragma once

#include "data/samples/sample_source.hpp"

#include <string_view>
#include <unordered_set>
#include <utility>

namespace sluice::data {

class ListedSamples : public SampleSource {
 public:
  explicit ListedSamples(std::vector<Sample> samples) : samples_(std::move(samples)) {}
  std::int64_t size() const override { return static_cast<std::int64_t>(samples_.size()); }
  Sample at(std::int64_t index) const override { return samples_[static_cast<std::size_t>(index)]; }

 private:
  std::vector<Sample> samples_;
};

/// Gathers the samples of a file, line by line.
class SampleList {
 public:
  explicit SampleList(std::filesystem::path path) : path_(std::move(path)) {}
  /// A sample without an id has the number of its line for one. Data error if its id was there before.
  void add(Sample sample, std::size_t line);
  /// All of them. Data error if there are none.
  std::vector<Sample> take();

 private:
  std::filesystem::path path_;
  std::vector<Sample> samples_;
  std::unordered_set<std::string> ids_;
};

std::unique_ptr<SampleSource> read_manifest(const SampleSpec& spec);
std::unique_ptr<SampleSource> read_idx(const SampleSpec& spec);
std::unique_ptr<SampleSource> read_class_folders(const SampleSpec& spec);
std::unique_ptr<SampleSource> read_csv_samples(const SampleSpec& spec);
std::unique_ptr<SampleSource> read_vqa(const SampleSpec& spec);

// What the readers above make of a file's content; `path` is named in errors, and what the content names lies beside it. Any bytes do.
std::vector<Sample> parse_manifest(std::string_view content, const std::filesystem::path& path);
std::vector<Sample> parse_table(std::string_view content, const SampleSpec& spec);
std::unique_ptr<SampleSource> parse_idx(std::string images, std::string labels, const std::filesystem::path& images_path,
                                        const std::filesystem::path& labels_path);
/// `annotations` is what `spec` or its path names; "" for a file that needs none.
std::vector<Sample> parse_vqa(const std::string& questions, const std::string& annotations, const SampleSpec& spec);
/// The file of annotations that goes with a questions file, by its name.
std::filesystem::path annotations_beside(const std::filesystem::path& questions);

/// The content of a file, decompressed if its name ends in .gz or .zst. Data error if it is not there, is damaged, is a pointer to another
/// file or longer than kMostSampleBytes.
std::string read_whole(const std::filesystem::path& path);
inline constexpr std::uint64_t kMostSampleBytes = std::uint64_t{1} << 33;

/// Data error unless `text` is valid UTF-8 without NUL; `where` begins the message.
void require_utf8(const std::string& text, const std::string& where);

}  // namespace sluice::data
