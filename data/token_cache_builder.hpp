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
  /// Throws if a file is no longer what was hashed; asked before a cache is put in place.
  std::function<void()> require_unchanged;
};

/// What the tokens of a source are a function of, as 32 hex digits: format version, contents (not names), how they are read, tokenizer.
/// Looks for a byte-order mark in each .txt file. Data error if one cannot be read.
std::string token_cache_key(const SourceText& source, const Tokenizer& tokenizer);

std::filesystem::path token_cache_path(const std::filesystem::path& cache_dir, const std::string& key);

/// The source's tokens: from `cache_dir` if they are there and whole, else built with `threads` tokenizing threads beside the
/// reading one. A damaged cache is built again, with a warning. Two builders of one key wait for each other.
/// Data error as DocumentReader, or if the source holds no text.
TokenCachePtr build_token_cache(const SourceText& source, const Tokenizer& tokenizer, const std::filesystem::path& cache_dir, int threads,
                                const ProgressCallback& progress);

}  // namespace sluice::data
