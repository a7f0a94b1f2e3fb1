// RecordBoard of rank_record.hpp, which writes the record of a rank.
#include "parallel/comm/rank_record.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/files.hpp"
#include "core/base/host.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <type_traits>

namespace sluice::parallel {
namespace {

static_assert(std::is_trivially_copyable_v<RecordHead> && std::is_trivially_copyable_v<RecordGroup>);
static_assert(sizeof(RecordHead) % alignof(RecordGroup) == 0);

constexpr std::size_t kGroupsAtATime = 64;

RecordGroup* groups_behind(RecordHead* head) { return reinterpret_cast<RecordGroup*>(head + 1); }

}  // namespace

RecordBoard::RecordBoard(int rank, int world_size, std::uint64_t job) {
  std::memcpy(own_.magic, RankRecord::kMagic, sizeof own_.magic);
  own_.rank = rank;
  own_.world_size = world_size;
  own_.pid = static_cast<std::int32_t>(getpid());
  own_.job = job;
  own_.machine = machine_identity();
  own_.since = own_.written = wall_seconds();
  set_text(own_.host, host_name());
}

RecordBoard::~RecordBoard() { unmap(); }

void RecordBoard::unmap() {
  if (mapped_ != nullptr) munmap(mapped_, record_file_bytes(room_));
  mapped_ = nullptr;
}

void RecordBoard::open(const std::filesystem::path& directory) {
  std::error_code ignored;
  std::filesystem::create_directories(directory, ignored);  // several ranks may try at once
  if (own_.rank == 0) std::filesystem::remove(directory / kFailureFile, ignored);
  const std::filesystem::path path = record_path(directory, own_.rank);
  std::lock_guard lock(mutex_);
  // A new file is made, since some process may still have the old one open.
  unlink(path.c_str());
  map(path);
  directory_ = directory;
}

void RecordBoard::map(const std::filesystem::path& path) {
  const auto refuse = [&path](const char* what) { return data_error("{}: {} failed: {}", path.string(), what, std::strerror(errno)); };
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) throw refuse("creating the rank's record");
  const std::size_t room = (own_.groups.size() / kGroupsAtATime + 1) * kGroupsAtATime, bytes = record_file_bytes(room);
  std::vector<char> image(bytes, 0);
  std::memcpy(image.data(), static_cast<const RecordHead*>(&own_), sizeof(RecordHead));
  if (!own_.groups.empty()) std::memcpy(image.data() + sizeof(RecordHead), own_.groups.data(), own_.groups.size() * sizeof(RecordGroup));
  // The file is written, not only enlarged, so that a full disk is an error here and not a SIGBUS later.
  if (write_all(fd, {image.data(), bytes}) < bytes) {
    const auto error = refuse("writing the rank's record");
    close(fd);
    throw error;
  }
  void* address = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (address == MAP_FAILED) {
    const auto error = refuse("mapping the rank's record");
    close(fd);
    throw error;
  }
  close(fd);
  unmap();
  mapped_ = static_cast<RecordHead*>(address);
  room_ = room;
}

/// Applies the change to the copy in memory and to the mapped file, whose version is odd meanwhile.
template <class Change>
void RecordBoard::change(Change&& change) {
  own_.written = wall_seconds();
  change(own_, own_.groups.data());
  if (mapped_ == nullptr) return;
  mapped_->version = ++own_.version;
  std::atomic_thread_fence(std::memory_order_release);
  mapped_->written = own_.written;
  change(*mapped_, groups_behind(mapped_));
  std::atomic_thread_fence(std::memory_order_release);
  mapped_->version = ++own_.version;
}

void RecordBoard::set_job(std::uint64_t job) {
  std::lock_guard lock(mutex_);
  change([job](RecordHead& record, RecordGroup*) { record.job = job; });
}

int RecordBoard::add_group(const std::string& name) {
  std::lock_guard lock(mutex_);
  RecordGroup group;
  set_text(group.name, name);
  own_.groups.push_back(group);
  if (mapped_ != nullptr && own_.groups.size() > room_) map(record_path(directory_, own_.rank));
  const int slot = static_cast<int>(own_.groups.size()) - 1;
  change([&](RecordHead& record, RecordGroup* groups) {
    groups[slot] = group;
    record.num_groups = slot + 1;
  });
  return slot;
}

void RecordBoard::describe(RecordHead& record, const OperationInfo& info) {
  set_text(record.operation, info.label.operation);
  set_text(record.slot, info.label.slot);
  set_text(record.phase, info.label.phase);
  set_text(record.group, info.group);
  record.step = info.label.step;
  record.sequence = info.sequence;
  record.bytes_to_send = info.bytes_to_send;
  record.bytes_to_receive = info.bytes_to_receive;
}

void RecordBoard::started(int slot, const OperationInfo& info) {
  std::lock_guard lock(mutex_);
  change([&](RecordHead& record, RecordGroup* groups) {
    if (info.sequence >= 0) groups[slot].started = info.sequence;
    if (record.state == RankState::kComputing) describe(record, info);
  });
}

void RecordBoard::begin_wait(const Operation& operation) {
  const double now = wall_seconds();
  std::lock_guard lock(mutex_);
  ++num_waiting_;
  change([&](RecordHead& record, RecordGroup*) {
    describe(record, operation.info());
    record.state = RankState::kWaiting;
    record.since = now;
    record.waits_for_group = 1;  // until the communication thread knows better
    record.num_waits_for = 0;
  });
}

void RecordBoard::end_wait(int slot, std::int64_t sequence, bool began) {
  const double now = wall_seconds();
  std::lock_guard lock(mutex_);
  if (began) --num_waiting_;
  change([&](RecordHead& record, RecordGroup* groups) {
    if (sequence > groups[slot].finished) groups[slot].finished = sequence;
    if (num_waiting_ > 0) return;
    record.state = RankState::kComputing;
    record.since = now;
  });
}

void RecordBoard::waits_for(const Operation& operation) {
  std::vector<int> peers;
  const bool collective = operation.waits_for_group(peers);
  std::lock_guard lock(mutex_);
  change([&](RecordHead& record, RecordGroup*) {
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
  change([&](RecordHead& record, RecordGroup*) {
    set_text(record.heartbeat_text, text);
    record.heartbeat_at = own_.written;
  });
}

void RecordBoard::set_late(int dead_rank) {
  std::lock_guard lock(mutex_);
  change([dead_rank](RecordHead& record, RecordGroup*) {
    record.late = 1;
    record.found_dead = dead_rank;
  });
}

void RecordBoard::set_leaving(std::string_view message, ExitCode code) {
  std::lock_guard lock(mutex_);
  change([&](RecordHead& record, RecordGroup*) {
    record.exit_code = static_cast<std::int32_t>(code);
    set_text(record.message, message);
  });
}

void RecordBoard::set_failed(std::string_view message, ExitCode code) {
  set_leaving(message, code);
  std::lock_guard lock(mutex_);
  change([](RecordHead& record, RecordGroup*) { record.state = RankState::kFailed; });
}

void RecordBoard::set_asked_to_stop(std::string_view signal) {
  std::lock_guard lock(mutex_);
  change([&](RecordHead& record, RecordGroup*) { set_text(record.stop_signal, signal); });
}

void RecordBoard::set_finished() {
  std::lock_guard lock(mutex_);
  change([](RecordHead& record, RecordGroup*) { record.state = RankState::kFinished; });
}

RankRecord RecordBoard::record() const {
  std::lock_guard lock(mutex_);
  return own_;
}

void RecordBoard::flush() {
  std::lock_guard lock(mutex_);
  if (mapped_ != nullptr) msync(mapped_, record_file_bytes(room_), MS_SYNC);
}

}  // namespace sluice::parallel
