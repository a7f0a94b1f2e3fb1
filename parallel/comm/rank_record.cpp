#include "parallel/comm/rank_record.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <type_traits>

namespace sluice::parallel {

static_assert(std::is_trivially_copyable_v<RankRecord>);

double wall_clock() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

std::filesystem::path record_path(const std::filesystem::path& directory, int rank) {
  return directory / fmt::format("rank-{:04}", rank);
}

std::uint64_t machine_identity() {
  std::string identity;
  std::ifstream boot("/proc/sys/kernel/random/boot_id");
  std::getline(boot, identity);
  char name_space[128] = "";
  if (readlink("/proc/self/ns/pid", name_space, sizeof name_space - 1) <= 0 || identity.empty()) return 0;
  identity += name_space;
  std::uint64_t hash = 0xcbf29ce484222325ULL;  // FNV-1a
  for (const char ch : identity) hash = (hash ^ static_cast<unsigned char>(ch)) * 0x100000001b3ULL;
  return hash;
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
    case 'X':
      return ProcessState::kGone;
    case 'T':
    case 't':
      return ProcessState::kStopped;
    default:
      return ProcessState::kRunning;
  }
}

RecordBoard::RecordBoard(int rank, int world_size, std::uint64_t job) {
  std::memcpy(own_.magic, RankRecord::kMagic, sizeof own_.magic);
  own_.rank = rank;
  own_.world_size = world_size;
  own_.pid = static_cast<std::int32_t>(getpid());
  own_.job = job;
  own_.machine = machine_identity();
  own_.since = own_.written = wall_clock();
  gethostname(own_.host, sizeof own_.host - 1);
}

RecordBoard::~RecordBoard() {
  if (mapped_ != nullptr) munmap(mapped_, sizeof *mapped_);
}

void RecordBoard::open(const std::filesystem::path& directory) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);  // several ranks may try at once
  if (own_.rank == 0) std::filesystem::remove(directory / kFailureFile, ignored);
  const std::filesystem::path path = record_path(directory, own_.rank);
  const auto refuse = [&path](const char* what) { return data_error("{}: {} failed: {}", path.string(), what, std::strerror(errno)); };
  // A new file: someone may still have the old one open.
  unlink(path.c_str());
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) throw refuse("creating the rank's record");
  // Written, not only sized, so that a full disk is an error here and not a SIGBUS later.
  if (pwrite(fd, &own_, sizeof own_, 0) != static_cast<ssize_t>(sizeof own_)) {
    const auto error = refuse("writing the rank's record");
    close(fd);
    throw error;
  }
  void* address = mmap(nullptr, sizeof own_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) {
    const auto error = refuse("mapping the rank's record");
    close(fd);
    throw error;
  }
  close(fd);
  std::lock_guard lock(mutex_);
  if (mapped_ != nullptr) munmap(mapped_, sizeof *mapped_);
  mapped_ = static_cast<RankRecord*>(address);
  std::memcpy(mapped_, &own_, sizeof own_);
  directory_ = directory;
}

/// Applies the change to the own copy and to the mapped one, whose version is odd meanwhile.
template <class Change>
void RecordBoard::change(Change&& change) {
  own_.written = wall_clock();
  change(own_);
  if (mapped_ == nullptr) return;
  mapped_->version = ++own_.version;
  std::atomic_thread_fence(std::memory_order_release);
  mapped_->written = own_.written;
  change(*mapped_);
  std::atomic_thread_fence(std::memory_order_release);
  mapped_->version = ++own_.version;
}

void RecordBoard::set_job(std::uint64_t job) {
  std::lock_guard lock(mutex_);
  change([job](RankRecord& record) { record.job = job; });
}

int RecordBoard::add_group(const std::string& name) {
  std::lock_guard lock(mutex_);
  if (own_.num_groups >= RankRecord::kMaxGroups) return -1;
  const int slot = own_.num_groups;
  change([&](RankRecord& record) {
    set_text(record.groups[slot].name, name);
    record.groups[slot].started = record.groups[slot].finished = -1;
    record.num_groups = slot + 1;
  });
  return slot;
}

void RecordBoard::describe(RankRecord& record, const OperationInfo& info) {
  set_text(record.operation, info.label.operation);
  set_text(record.phase, info.label.phase);
  set_text(record.group, info.group);
  record.step = info.label.step;
  record.layer = info.label.layer;
  record.sequence = info.sequence;
  record.bytes_to_send = info.bytes_to_send;
  record.bytes_to_receive = info.bytes_to_receive;
}

void RecordBoard::started(int slot, const OperationInfo& info) {
  std::lock_guard lock(mutex_);
  change([&](RankRecord& record) {
    if (slot >= 0 && info.sequence >= 0) record.groups[slot].started = info.sequence;
    if (record.state == RankState::kComputing) describe(record, info);
  });
}

void RecordBoard::begin_wait(const Operation& operation) {
  const double now = wall_clock();
  std::lock_guard lock(mutex_);
  ++num_waiting_;
  change([&](RankRecord& record) {
    describe(record, operation.info());
    record.state = RankState::kWaiting;
    record.since = now;
    record.waits_for_group = 1;  // until the communication thread knows better
    record.num_waits_for = 0;
  });
}

void RecordBoard::end_wait(int slot, std::int64_t sequence, bool began) {
  const double now = wall_clock();
  std::lock_guard lock(mutex_);
  if (began) --num_waiting_;
  change([&](RankRecord& record) {
    if (slot >= 0 && sequence > record.groups[slot].finished) record.groups[slot].finished = sequence;
    if (num_waiting_ > 0) return;
    record.state = RankState::kComputing;
    record.since = now;
  });
}

void RecordBoard::waits_for(const Operation& operation) {
  std::vector<int> peers;
  const bool collective = operation.waits_for_group(peers);
  std::lock_guard lock(mutex_);
  change([&](RankRecord& record) {
    ++record.alive;
    if (record.state != RankState::kWaiting || record.sequence != operation.info().sequence || operation.info().group != record.group)
      return;
    record.waits_for_group = collective ? 1 : 0;
    record.num_waits_for = static_cast<std::int32_t>(peers.size());
    for (std::size_t i = 0; i < peers.size() && i < RankRecord::kMaxWaitsFor; ++i) record.waits_for[i] = peers[i];
  });
}

void RecordBoard::heartbeat(std::string_view text) {
  std::lock_guard lock(mutex_);
  change([&](RankRecord& record) { set_text(record.heartbeat_text, text); });
}

void RecordBoard::set_late(int dead_rank) {
  std::lock_guard lock(mutex_);
  change([dead_rank](RankRecord& record) {
    record.late = 1;
    record.found_dead = dead_rank;
  });
}

void RecordBoard::set_failed(std::string_view message) {
  std::lock_guard lock(mutex_);
  change([&](RankRecord& record) {
    record.state = RankState::kFailed;
    set_text(record.message, message);
  });
}

void RecordBoard::set_finished() {
  std::lock_guard lock(mutex_);
  change([](RankRecord& record) { record.state = RankState::kFinished; });
}

RankRecord RecordBoard::record() const {
  std::lock_guard lock(mutex_);
  return own_;
}

void RecordBoard::flush() {
  std::lock_guard lock(mutex_);
  if (mapped_ != nullptr) msync(mapped_, sizeof *mapped_, MS_SYNC);
}

std::optional<RankRecord> read_record(const std::filesystem::path& directory, int rank) {
  // Opened anew each time: that is when network file systems look again.
  const int fd = ::open(record_path(directory, rank).c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  RankRecord record;
  bool whole = false;
  for (int attempt = 0; attempt < 100 && !whole; ++attempt) {
    whole = pread(fd, &record, sizeof record, 0) == static_cast<ssize_t>(sizeof record);
    if (!whole) break;
    RankRecord again;
    // Unchanged over two readings and at rest; a rank that died while writing leaves an odd version: taken as it is at the end.
    whole = pread(fd, &again, sizeof again, 0) == static_cast<ssize_t>(sizeof again) && again.version == record.version &&
            (record.version % 2 == 0 || attempt == 99);
    if (!whole) usleep(100);
  }
  close(fd);
  if (std::memcmp(record.magic, RankRecord::kMagic, sizeof record.magic) != 0 || record.rank != rank) return std::nullopt;
  record.num_groups = std::clamp(record.num_groups, 0, RankRecord::kMaxGroups);
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
  // Only the newest start counts: of a larger, earlier one, files may be left.
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
