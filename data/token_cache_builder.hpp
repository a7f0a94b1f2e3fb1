// Tokenises a source once, in parallel, into its token cache.
#pragma once

#include "data/document_reader.hpp"
#include "data/progress.hpp"
#include "data/source_files.hpp"
#include "data/token_cache.hpp"
#include "data/tokenizer.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace sluice::data {

struct SourceText {
  std::string name;  // as the recipe names it
  std::vector<SourceFile> files;
  std::vector<std::string> hashes;  // XXH3-128 of each file's bytes
  ReadOptions options;
  /// Throws if a file changed since it was hashed. Called before a finished cache is put in place.
  std::function<void()> require_unchanged;
};

/// A hash, 32 hex digits, of everything the tokens of a source depend on: format version, contents of the files (not their names), how
/// they are read, tokenizer. Reads the start of each .txt file to look for a byte-order mark. Data error if a file cannot be read.
std::string token_cache_key(const SourceText& source, const Tokenizer& tokenizer);

std::filesystem::path token_cache_path(const std::filesystem::path& cache_dir, const std::string& key);

/// The source's tokens: the cache in `cache_dir` if it is there and undamaged; else it is built with `threads` tokenizing threads beside
/// the reading one. A damaged cache is built again, with a warning. Two builders of one key wait for each other.
/// Data error if the source holds no text, and as DocumentReader::next.
TokenCachePtr build_token_cache(const SourceText& source, const Tokenizer& tokenizer, const std::filesystem::path& cache_dir, int threads,
                                const ProgressCallback& progress);

}  // namespace sluice::data
