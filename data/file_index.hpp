// Content hashes of files, remembered by (path, size, times, inode) so that an unchanged corpus is not read again. The time of
// modification is not enough: copying tools set it. The time of change cannot be set, and a file put in another's place has another inode.
// A file's identity is its content; the index only saves the reading. Format: files.json in the cache folder,
// {"/absolute/path": [size, mtime_ns, ctime_ns, inode, "xxh3-128 hex"], …}. A missing or damaged index counts as empty.
#pragma once

#include "data/progress.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>

namespace sluice::data {

class FileIndex {
 public:
  explicit FileIndex(std::filesystem::path cache_dir);

  /// XXH3-128 (hex) of the file's bytes on disk. `progress` is called while a file is read; `source` is the source's name in these calls.
  std::string content_hash(const std::filesystem::path& file, std::string_view source, const ProgressCallback& progress);

  /// Data error if the file is not as it was when content_hash() looked at it.
  void require_unchanged(const std::filesystem::path& file) const;

  /// Adds the hashes that content_hash() computed to the index on disk.
  void save();

 private:
  struct Entry {
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;
    std::uint64_t inode = 0;
    std::string hash;
    bool settled = true;  // false: written so recently that a change may keep size and times; not remembered
    bool same_file(const Entry& other) const;
  };
  static std::map<std::string, Entry> load(const std::filesystem::path& path);
  static Entry stat_of(const std::filesystem::path& file);

  std::filesystem::path path_;
  std::map<std::string, Entry> entries_;
  std::map<std::string, Entry> learnt_;
};

}  // namespace sluice::data
