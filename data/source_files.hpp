// Finds the files that hold the text of a source, which a recipe names as a file, a glob or a folder. Their order is always the same.
#pragma once

#include "data/byte_stream.hpp"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace sluice::data {

enum class TextFormat {
  kText,   // .txt: the file is one document
  kJsonl,  // .jsonl, .ndjson: one JSON object a line, each a document
};

struct SourceFile {
  std::filesystem::path path;
  TextFormat format = TextFormat::kText;
  Compression compression = Compression::kNone;
  std::uint64_t size = 0;    // bytes on disk
  std::uint64_t device = 0;  // device and inode identify the file whatever its name
  std::uint64_t inode = 0;
};

/// The files of one source: `spec` is a file, a folder (read recursively) or a glob (* ? [] {} ~), taken literally where a path of that
/// name exists. Sorted by path, byte by byte, whatever the locale. Read are .txt, .jsonl and .ndjson, each also .gz or .zst, in small or
/// capital letters. Inside folders everything else is left out and told in one sentence in `warnings`: files with other names, hidden
/// entries (names that begin with a dot), and links to folders that are read already.
/// Data error if something is missing or cannot be looked at, if a file that is named itself or matched by a glob is of no known kind, if a
/// link leads nowhere, if an alternative of a glob's braces matches nothing, or if no file is left.
std::vector<SourceFile> find_source_files(const std::string& spec, std::vector<std::string>* warnings = nullptr);

/// Whether `spec` has a character that a glob gives a meaning: * ? [ { ~
bool is_glob(const std::string& spec);

/// All paths that match * ? [] {} ~, in no order. Data error if an alternative of the braces matches nothing, if a folder on the way
/// cannot be read, or for ** (which the system's glob would take for *).
std::vector<std::string> expand_glob(const std::string& spec);

/// A sentence about files that are among `files` more than once (by the same name, through a folder, a glob, a link or a hard link): all
/// are read each time. "" if there are none.
std::string describe_repeated_files(const std::vector<SourceFile>& files);

}  // namespace sluice::data
