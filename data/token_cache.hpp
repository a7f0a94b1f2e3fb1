// The tokens of one source on disk, memory-mapped. Documents follow each other, each ended by EOS.
//
// File (little-endian):
//   1. 128-byte header: "SLTOKENS", u32 version, u32 bytes per token, 32 hex digits of the key, u64 tokens, u64 documents,
//      u64 bytes of part 4, 32 hex digits XXH3-128 of parts 2-4, 16 reserved bytes, u64 XXH3-64 of the header before it
//   2. the tokens: u16 if the vocabulary has at most 65,536 entries, else i32; zeros up to a multiple of 8 bytes
//   3. per document, u64 XXH3-64 of its text
//   4. JSON: the statistics
// The key is a hash of everything the tokens depend on: contents, tokenizer, reading options, format version (token_cache_builder.hpp).
#pragma once

#include "core/base/files.hpp"
#include "data/progress.hpp"
#include "data/reading_notes.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace sluice::data {

/// An invalid UTF-8 sequence that was replaced, and where it was.
struct LocatedFault {
  std::uint64_t file = 0;    // which file of the source, in order
  std::uint64_t offset = 0;  // in bytes, after decompression
  std::string bytes;         // as describe_bytes() writes them
};

struct SourceStatistics {
  std::uint64_t files = 0;
  std::uint64_t bytes = 0;  // of text, repaired
  std::uint64_t documents = 0;
  std::uint64_t tokens = 0;  // EOS included
  std::uint64_t words = 0;   // separated by white space
  std::uint64_t invalid_utf8 = 0;
  std::vector<LocatedFault> located;  // the first of the invalid sequences
  ReadingNotes notes;                 // empty in caches that were made before there were any
};

class TokenCache {
 public:
  /// Maps the file and checks header, key and sizes. Data error if it is damaged or has another key.
  TokenCache(const std::filesystem::path& path, const std::string& key);

  /// Reads the whole file and compares its checksum. Data error if it differs. `source` is the source's name in the calls of `progress`.
  void verify(std::string_view source, const ProgressCallback& progress) const;

  const std::string& key() const { return key_; }
  const SourceStatistics& statistics() const { return statistics_; }
  std::uint64_t size() const { return statistics_.tokens; }
  /// Copies tokens [first, first + count) as int32.
  void copy(std::uint64_t first, std::uint64_t count, std::int32_t* out) const;
  std::span<const std::uint64_t> document_hashes() const { return document_hashes_; }

 private:
  MappedFile file_;
  std::filesystem::path path_;
  std::string key_;
  std::string payload_hash_;
  std::uint32_t token_bytes_ = 0;
  SourceStatistics statistics_;
  std::span<const std::uint64_t> document_hashes_;
};

using TokenCachePtr = std::shared_ptr<const TokenCache>;

constexpr std::uint32_t token_bytes_for(std::int64_t vocab_size) { return vocab_size <= 65536 ? 2 : 4; }

/// Writes a token cache under a temporary name beside `path`; commit() renames it to `path`. Destroyed without commit(), it removes the
/// temporary file.
class TokenCacheWriter {
 public:
  TokenCacheWriter(std::filesystem::path path, std::string key, std::uint32_t token_bytes);
  ~TokenCacheWriter();
  TokenCacheWriter(const TokenCacheWriter&) = delete;
  TokenCacheWriter& operator=(const TokenCacheWriter&) = delete;

  /// `tokens` are already in the stored width.
  void append(std::string_view tokens);
  void commit(const SourceStatistics& statistics, std::span<const std::uint64_t> document_hashes);

 private:
  void write(std::string_view bytes);
  struct Hash;

  std::filesystem::path path_;
  std::filesystem::path temporary_;
  std::string key_;
  std::uint32_t token_bytes_;
  int fd_ = -1;
  std::uint64_t written_ = 0;
  std::unique_ptr<Hash> hash_;
};

/// Removes the temporary files that killed builders of `path` left beside it. Call it only while nobody else builds this cache.
void remove_unfinished_caches(const std::filesystem::path& path);

}  // namespace sluice::data
