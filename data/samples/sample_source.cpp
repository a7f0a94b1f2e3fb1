#include "data/samples/sample_source.hpp"

#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"
#include "data/byte_stream.hpp"
#include "data/samples/listed_samples.hpp"
#include "data/utf8.hpp"

#include <span>

namespace sluice::data {

void SampleList::add(Sample sample, std::size_t line) {
  if (sample.id.empty()) sample.id = std::to_string(line);
  if (!ids_.insert(sample.id).second) throw data_error("{}:{}: the id '{}' occurs twice", path_.string(), line, sample.id);
  samples_.push_back(std::move(sample));
}

std::vector<Sample> SampleList::take() {
  if (samples_.empty()) throw data_error("{}: no samples", path_.string());
  return std::move(samples_);
}

std::string read_whole(const std::filesystem::path& path) {
  require_no_dangling_link(path);
  const std::string ending = path.extension().string();
  const auto stream = open_byte_stream(path, ending == ".gz"    ? Compression::kGzip
                                             : ending == ".zst" ? Compression::kZstd
                                                                : Compression::kNone);
  std::string content;
  constexpr std::size_t kBlock = std::size_t{1} << 20;
  for (std::size_t got = 1; got > 0;) {
    const std::size_t size = content.size();
    content.resize(size + kBlock);
    got = stream->read(std::span<char>(content.data() + size, kBlock));
    content.resize(size + got);
    if (content.size() > kMostSampleBytes) throw data_error("{}: more than {} bytes; expected less", path.string(), kMostSampleBytes);
  }
  return content;
}

void require_utf8(const std::string& text, const std::string& where) {
  if (text.find('\0') != text.npos) throw data_error("{}: a NUL byte in a text", where);
  std::string repaired;
  Utf8Repairer repairer(where, InvalidUtf8::kError);
  repairer.append(text, repaired);
  repairer.finish(repaired);
}

std::unique_ptr<SampleSource> open_samples(const SampleSpec& spec) {
  switch (spec.format) {
    case SampleFormat::kText: break;
    case SampleFormat::kManifest: return read_manifest(spec);
    case SampleFormat::kIdx: return read_idx(spec);
    case SampleFormat::kClassFolders: return read_class_folders(spec);
    case SampleFormat::kCsv: return read_csv_samples(spec);
    case SampleFormat::kVqa: return read_vqa(spec);
  }
  throw usage_error("{}: text holds no samples; formats of samples are manifest, idx, class_folders, csv and vqa", spec.path.string());
}

}  // namespace sluice::data
