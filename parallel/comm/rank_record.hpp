// The record of a rank: what it is doing, kept in a small memory-mapped file that outlives the process. From the records any rank, or a
// later program, can find out who held up the job.
//
// The file records/rank-NNNN has one RecordHead, then num_groups RecordGroups, and room for more, in native byte order. It is changed in
// place; `version` is odd during a change. A file of another format (`magic`) counts as no record.
#pragma once

#include "core/base/error.hpp"
#include "parallel/comm/operation.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::parallel {

enum class RankState : std::int32_t {
  kComputing = 0,  // it waits for nobody; operations may be under way in the background
  kWaiting = 1,    // in finish() of the operation that the record names
  kFailed = 2,     // it stopped with the error in `message` and `exit_code`
  kFinished = 3,   // it has left the world without an error
};

/// How far a rank is in one of its groups: the sequence numbers of the last operations it started and finished, -1 if none.
struct RecordGroup {
  char name[40] = {};
  std::int64_t started = -1, finished = -1;
};

/// The part of a record that has a fixed size. Texts end with a zero and are cut if they are too long.
struct RecordHead {
  static constexpr char kMagic[8] = {'S', 'L', 'U', 'R', 'E', 'C', '0', '5'};
  static constexpr int kMaxWaitsFor = 48;

  char magic[8] = {};
  std::uint32_t version = 0;
  std::int32_t rank = 0;
  std::int32_t world_size = 1;
  std::int32_t pid = 0;
  std::uint64_t job = 0;      // random number that all ranks of one start share
  std::uint64_t machine = 0;  // machine_identity(): a rank with the same number can look up `pid`; 0 if unknown
  char host[64] = {};

  RankState state = RankState::kComputing;
  std::int32_t late = 0;          // 1 if it gave up waiting, past its deadline or because a rank is dead
  std::int32_t found_dead = -1;   // rank on its machine whose process it found dead, -1 if none; a later reader cannot look that up
  double since = 0;               // time (seconds since 1970) of the last change of `state`
  std::uint64_t alive = 0;        // grows while the communication thread polls an operation that is waited for
  double written = 0;             // time of the last change of any kind
  double heartbeat_at = 0;        // time of the last heartbeat
  char heartbeat_text[160] = {};  // what it works at while others wait; empty once that is over

  // The operation that it waits for, or, if it waits for none, the last one that it waited for or started.
  char operation[40] = {};
  char slot[48] = {};
  char phase[16] = {};
  char group[40] = {};
  std::int64_t step = -1, sequence = -1;
  std::int64_t bytes_to_send = 0, bytes_to_receive = 0;
  std::int32_t waits_for_group = 0;  // 1 if no single ranks are known: it waits for those of the group that have not started the operation
  std::int32_t num_waits_for = 0;    // number of ranks it waits for, which may exceed the room in waits_for
  std::int32_t waits_for[kMaxWaitsFor] = {};  // world ranks

  std::int32_t num_groups = 0;
  std::int32_t exit_code = 0;  // of the error that this rank stops with, set also while it still tells the others; 0 if none
  char stop_signal[12] = {};   // signal that asked this rank to stop: "SIGTERM"; empty if none
  char message[256] = {};      // text of the error that this rank stops with
};

/// A whole record.
struct RankRecord : RecordHead {
  std::vector<RecordGroup> groups;
};

constexpr std::size_t record_file_bytes(std::size_t groups) { return sizeof(RecordHead) + groups * sizeof(RecordGroup); }

/// Copies as much of the text as fits, with a zero at the end.
template <std::size_t N>
void set_text(char (&to)[N], std::string_view text) {
  const std::size_t size = text.size() < N ? text.size() : N - 1;
  std::memcpy(to, text.data(), size);
  std::memset(to + size, 0, N - size);
}

/// Writes the record of this rank. Without a file (before open()) the record is kept in memory only. Thread-safe.
class RecordBoard {
 public:
  RecordBoard(int rank, int world_size, std::uint64_t job);
  ~RecordBoard();
  RecordBoard(const RecordBoard&) = delete;
  RecordBoard& operator=(const RecordBoard&) = delete;

  /// From now on the record is also kept in the file directory/rank-NNNN; the directory is created. Data error (exit 3) if the file cannot
  /// be written. Rank 0 removes the failure report of an earlier start, since the records it was made from are being replaced.
  void open(const std::filesystem::path& directory);
  const std::filesystem::path& directory() const { return directory_; }

  void set_job(std::uint64_t job);
  /// Adds a group and returns its slot (its index in the record). Data error (exit 3) if the file cannot grow.
  int add_group(const std::string& name);
  /// Notes that an operation was submitted to the communication thread. `slot` is that of its group.
  void started(int slot, const OperationInfo& info);
  /// Notes that a thread begins to wait for the operation.
  void begin_wait(const Operation& operation);
  /// Notes that the operation is complete. `began` says whether begin_wait() was called for it.
  void end_wait(int slot, std::int64_t sequence, bool began);
  /// Notes for whom the operation waits, and that the communication thread is alive. Communication thread only.
  void waits_for(const Operation& operation);
  /// Notes what the rank works at while others wait; an empty text means that the work is over.
  void heartbeat(std::string_view text);
  /// Notes that this rank gave up waiting. `dead_rank` is the rank whose process has died, or -1.
  void set_late(int dead_rank);
  void set_failed(std::string_view message, ExitCode code);
  /// As set_failed(), for a rank that first tells the others; its state does not change yet.
  void set_leaving(std::string_view message, ExitCode code);
  void set_asked_to_stop(std::string_view signal);
  void set_finished();
  /// A copy of the record.
  RankRecord record() const;
  /// Writes the file to its disk or server, so that other hosts see it on a network file system. Waits for that.
  void flush();

 private:
  template <class Change>
  void change(Change&& change);
  static void describe(RecordHead& record, const OperationInfo& info);
  /// Creates or enlarges the file `path` with room for all groups and some more, writes the record to it and maps it.
  void map(const std::filesystem::path& path);
  void unmap();

  mutable std::mutex mutex_;
  int num_waiting_ = 0;
  RankRecord own_;
  RecordHead* mapped_ = nullptr;
  std::size_t room_ = 0;  // groups that fit behind mapped_
  std::filesystem::path directory_;
};

/// The file with the report of a failure, in the directory of the records it was made from.
inline constexpr const char* kFailureFile = "failure.txt";
std::filesystem::path record_path(const std::filesystem::path& directory, int rank);
/// Reads the record of `rank`; nothing if there is none or it cannot be read.
std::optional<RankRecord> read_record(const std::filesystem::path& directory, int rank);
/// Reads the records in a directory: element r is that of rank r. Records that belong to another job than the newest one are left out. The
/// number of elements is the world_size in the records; there are none if no record can be read.
std::vector<std::optional<RankRecord>> read_records(const std::filesystem::path& directory);

/// A hash of the boot of this host and the process-id namespace: processes with the same number can look up each other's process ids. 0 if
/// it cannot be found out.
std::uint64_t machine_identity();
enum class ProcessState { kUnknown, kRunning, kStopped, kGone };
/// The state of a process of this machine, as /proc shows it; kUnknown if there is no /proc.
ProcessState process_state(int pid);

}  // namespace sluice::parallel
