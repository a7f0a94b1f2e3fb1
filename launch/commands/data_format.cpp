#include "launch/commands/data_format.hpp"

#include "core/base/error.hpp"

#include <filesystem>
#include <string>

namespace sluice {
namespace {

namespace fs = std::filesystem;
using data::SampleFormat;

SampleFormat format_of(const DataOptions& options) {
  const fs::path& path = options.path;
  if (!options.format.empty()) {
    const auto format = value_of<SampleFormat>(options.format);
    if (!format || *format == SampleFormat::kText)
      throw usage_error("--format {}: expected manifest, idx, class_folders, csv or vqa", options.format);
    return *format;
  }
  if (fs::is_directory(path)) return SampleFormat::kClassFolders;
  const std::string name = path.filename().string();
  const auto has = [&](const char* part) { return name.find(part) != std::string::npos; };
  if (has("idx3")) return SampleFormat::kIdx;
  if (has(".jsonl") || has(".ndjson")) return SampleFormat::kManifest;
  if (has(".csv") || has(".tsv")) return SampleFormat::kCsv;
  if (path.extension() == ".json") return SampleFormat::kVqa;
  throw usage_error("{}: its name tells no format; say --format manifest, idx, class_folders, csv or vqa", path.string());
}

}  // namespace

data::SampleSpec sample_spec(const DataOptions& options) {
  return {options.path, format_of(options), options.columns, options.annotations, options.images};
}

}  // namespace sluice
