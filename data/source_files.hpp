// From what a recipe names (a file, a glob or a folder) to the files that hold the text, always in the same order.
#pragma once

#include "data/byte_stream.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::data {

enum class TextFormat {
  kText,   // .txt: the file is one document
  kJsonl,  // .jsonl: one JSON object a line, each a document
};

struct SourceFile {
  std::filesystem::path path;
  TextFormat format = TextFormat::kText;
  Compression compression = Compression::kNone;
  std::uint64_t size = 0;  // bytes on disk
};

/// The files of one source: `spec` is a file, a folder (read recursively, hidden entries left out) or a glob (* ? [] {} ~), taken
/// literally where a path of that name exists. Sorted by path, byte by byte, whatever the locale. .txt and .jsonl, each also
/// .gz or .zst; files with other names are skipped inside folders and refused elsewhere.
/// Data error if something is missing, unknown, or nothing is left.
std::vector<SourceFile> find_source_files(const std::string& spec);

}  // namespace sluice::data
