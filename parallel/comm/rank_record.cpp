#include "parallel/comm/rank_record.hpp"

#include "core/base/error.hpp"
#include "core/base/fnv1a.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <fstream>

namespace sluice::parallel {
namespace {

/// Reads a whole record; false if the file is of another kind or was cut.
bool read_whole(int fd, RankRecord& record) {
  if (pread(fd, static_cast<RecordHead*>(&record), sizeof(RecordHead), 0) != static_cast<ssize_t>(sizeof(RecordHead))) return false;
  if (std::memcmp(record.magic, RankRecord::kMagic, sizeof record.magic) != 0 || record.num_groups < 0) return false;
  struct stat file {};
  const auto groups = static_cast<std::size_t>(record.num_groups);
  if (fstat(fd, &file) != 0 || static_cast<std::size_t>(file.st_size) < record_file_bytes(groups)) return false;
  record.groups.resize(groups);
  const std::size_t bytes = groups * sizeof(RecordGroup);
  return pread(fd, record.groups.data(), bytes, sizeof(RecordHead)) == static_cast<ssize_t>(bytes);
}

}  // namespace

std::filesystem::path record_path(const std::filesystem::path& directory, int rank) { return directory / fmt::format("rank-{:04}", rank); }

std::uint64_t machine_identity() {
  std::string identity;
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::getline(boot, identity);
  char name_space[128] = "";
  if (readlink("/proc/self/ns/pid", name_space, sizeof name_space - 1) <= 0 || identity.empty()) return 0;
  return fnv1a(identity + name_space);
}

ProcessState process_state(int pid) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string text;
  if (!std::getline(file, text)) return access("/proc/self/stat", R_OK) == 0 ? ProcessState::kGone : ProcessState::kUnknown;
  // "pid (name) S ...": the name may hold anything, so look behind its last parenthesis.
  const std::size_t end = text.rfind(')');
  if (end == std::string::npos || end + 2 >= text.size()) return ProcessState::kUnknown;
  switch (text[end + 2]) {
    case 'Z':
    case 'X': return ProcessState::kGone;
    case 'T':
    case 't': return ProcessState::kStopped;
    default: return ProcessState::kRunning;
  }
}

std::optional<RankRecord> read_record(const std::filesystem::path& directory, int rank) {
  // Opened anew each time: that is when network file systems look again.
  const int fd = ::open(record_path(directory, rank).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  RankRecord record;
  bool readable = false, whole = false;
  for (int attempt = 0; attempt < 100 && !whole; ++attempt) {
    readable = read_whole(fd, record);
    if (!readable) break;
    RankRecord again;
    // Good if two readings are equal and no change is going on (even version). A rank that died during a change leaves an odd version; its
    // record is accepted in the last attempt.
    whole = read_whole(fd, again) && again.version == record.version && (record.version % 2 == 0 || attempt == 99);
    if (!whole) usleep(100);
  }
  close(fd);
  if (!readable || record.rank != rank) return std::nullopt;
  return record;
}

std::vector<std::optional<RankRecord>> read_records(const std::filesystem::path& directory) {
  std::vector<std::optional<RankRecord>> records;
  int world_size = 0;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(directory, error)) {
    int rank = -1;
    if (std::sscanf(entry.path().filename().c_str(), "rank-%d", &rank) != 1 || rank < 0) continue;
    if (const auto record = read_record(directory, rank)) world_size = std::max(world_size, static_cast<int>(record->world_size));
  }
  for (int rank = 0; rank < world_size; ++rank) records.push_back(read_record(directory, rank));
  // Only the newest job counts: files of an earlier job with more ranks may be left.
  double newest = 0;
  std::uint64_t job = 0;
  for (const auto& record : records)
    if (record && record->since >= newest) {
      newest = record->since;
      job = record->job;
    }
  for (auto& record : records)
    if (record && record->job != job) record.reset();
  while (!records.empty() && !records.back()) records.pop_back();
  for (const auto& record : records)
    if (record) {
      records.resize(static_cast<std::size_t>(record->world_size));
      break;
    }
  return records;
}

}  // namespace sluice::parallel
