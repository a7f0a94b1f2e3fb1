// Samples of one entry of data.train: a manifest, an IDX pair, class folders, a table, VQA files.
#pragma once

#include "core/base/enum_names.hpp"
#include "data/samples/sample.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::data {

/// text: files of plain text, which are no samples of their own (data/corpus.hpp). The others:
///   manifest       JSONL, one object a line: id, text (a string or a list), text_b, image, audio (paths beside the manifest), question,
///                  answers (a list of strings, or of {answer, answer_id}), label
///   idx            the IDX file of pictures (MNIST's, also .gz); labels are in the file of the same name with labels-idx1 in place of
///   images-idx3 class_folders  a folder with a folder a label, in which every picture and sound is a sample; files of one stem are one
///   sample csv            .csv or .tsv; a header names the columns (text, text_b, label, image, audio, id), unless `columns` does vqa the
///   questions file of VQA v1 and v2, or of easy-VQA; annotations and pictures are looked for beside it
enum class SampleFormat { kText, kManifest, kIdx, kClassFolders, kCsv, kVqa };
inline constexpr EnumName<SampleFormat> kSampleFormatNames[] = {
    {SampleFormat::kText, "text"}, {SampleFormat::kManifest, "manifest"},
    {SampleFormat::kIdx, "idx"},   {SampleFormat::kClassFolders, "class_folders"},
    {SampleFormat::kCsv, "csv"},   {SampleFormat::kVqa, "vqa"}};
constexpr std::span<const EnumName<SampleFormat>> names_of(SampleFormat) { return kSampleFormatNames; }

struct SampleSpec {
  std::filesystem::path path;
  SampleFormat format = SampleFormat::kManifest;
  std::vector<std::string> columns = {};   // csv: names by position, "" for one that is not read; without them the first line names them
  std::filesystem::path annotations = {};  // vqa: "" where it is looked for beside the questions
  std::filesystem::path images = {};       // vqa: the folder of the pictures; "" where it is looked for
};

/// The samples of a source, in a fixed order. Safe to use from several threads at once.
class SampleSource {
 public:
  virtual ~SampleSource() = default;
  virtual std::int64_t size() const = 0;
  /// The sample at `index`, in [0, size()). Files that it names need not be there.
  virtual Sample at(std::int64_t index) const = 0;
};

/// Reads what says which samples there are; pictures and sounds in files of their own are not opened. Usage error for a format that holds
/// no samples (text); data error (exit 3), with file and line, for what is missing, damaged or says two things: a line that is no JSON
/// object, an unknown key or column, a value of the wrong type, an id that occurs twice, a sample without anything in it, a question
/// without answers where others have some, answers without a question, ragged rows, counts that differ.
std::unique_ptr<SampleSource> open_samples(const SampleSpec& spec);

}  // namespace sluice::data
