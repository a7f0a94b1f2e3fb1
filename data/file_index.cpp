#include "data/file_index.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "data/byte_stream.hpp"
#include "data/hash128.hpp"
#include "data/waiting_lock.hpp"

#include <nlohmann/json.hpp>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>
#include <vector>

namespace sluice::data {

FileIndex::FileIndex(std::filesystem::path cache_dir) : path_(std::move(cache_dir) / "files.json"), entries_(load(path_)) {}

std::map<std::string, FileIndex::Entry> FileIndex::load(const std::filesystem::path& path) {
  std::map<std::string, Entry> entries;
  std::error_code unknown;
  if (!std::filesystem::exists(path, unknown)) return entries;
  const auto json = nlohmann::json::parse(read_file(path), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return entries;
  for (const auto& [file, value] : json.items())
    if (value.is_array() && value.size() == 5 && value[0].is_number_unsigned() && value[1].is_number_integer() &&
        value[2].is_number_integer() && value[3].is_number_unsigned() && value[4].is_string())
      entries[file] = {value[0].get<std::uint64_t>(), value[1].get<std::int64_t>(), value[2].get<std::int64_t>(),
                       value[3].get<std::uint64_t>(), value[4].get<std::string>()};
  return entries;
}

bool FileIndex::Entry::same_file(const Entry& other) const {
  return size == other.size && mtime_ns == other.mtime_ns && ctime_ns == other.ctime_ns && inode == other.inode;
}

FileIndex::Entry FileIndex::stat_of(const std::filesystem::path& file) {
  struct stat info {};
  if (stat(file.c_str(), &info) != 0) throw data_error("{}: cannot be read: {}", file.string(), std::strerror(errno));
  const auto nanoseconds = [](const timespec& time) { return time.tv_sec * std::int64_t{1'000'000'000} + time.tv_nsec; };
  Entry entry{static_cast<std::uint64_t>(info.st_size), nanoseconds(info.st_mtim), nanoseconds(info.st_ctim), info.st_ino, ""};
  // Asked before the file is read: from here on a change must give it another time, however coarse the file system's clock.
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  entry.settled = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count() - std::max(entry.mtime_ns, entry.ctime_ns) >
                  std::int64_t{2'000'000'000};
  return entry;
}

std::string FileIndex::content_hash(const std::filesystem::path& file, std::string_view source, const ProgressCallback& progress) {
  const std::string name = std::filesystem::absolute(file).lexically_normal().string();
  Entry now = stat_of(file);
  if (const auto known = entries_.find(name); known != entries_.end() && known->second.same_file(now)) {
    learnt_[name] = known->second;
    return known->second.hash;
  }
  Hash128 hash;
  FileStream stream(file);
  std::vector<char> block(std::size_t{1} << 20);
  while (const std::size_t count = stream.read(block)) {
    hash.update(block.data(), count);
    if (progress) progress({"hashing", source, stream.consumed(), now.size});
  }
  now.hash = hash.hex();
  learnt_[name] = now;
  return now.hash;
}

void FileIndex::require_unchanged(const std::filesystem::path& file) const {
  const auto known = learnt_.find(std::filesystem::absolute(file).lexically_normal().string());
  const Entry now = stat_of(file);
  if (known != learnt_.end() && known->second.same_file(now)) return;
  throw data_error("{}: changed while it was being read ({} bytes now); start again when nothing writes to it", file.string(), now.size);
}

void FileIndex::save() {
  // Others may have added files since: merge under a lock, ours on top.
  const WaitingLock lock(path_.string() + ".lock", {});
  std::map<std::string, Entry> all = load(path_);
  bool changed = false;
  for (const auto& [file, entry] : learnt_) {
    if (!entry.settled) continue;
    Entry& old = all[file];
    changed = changed || !old.same_file(entry) || old.hash != entry.hash;
    old = entry;
  }
  if (!changed) return;
  nlohmann::json json = nlohmann::json::object();
  for (const auto& [file, entry] : all) json[file] = {entry.size, entry.mtime_ns, entry.ctime_ns, entry.inode, entry.hash};
  write_file_atomically(path_, json.dump(0, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

}  // namespace sluice::data
