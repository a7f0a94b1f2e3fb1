// A rank's record: what it is doing, kept in a small memory-mapped file that outlives it, so that any rank, or a later
// program, can say who held up the job.
//
// File records/rank-NNNN: one RecordHead, then its num_groups RecordGroups, and room for more; native byte order, rewritten in place.
// `version` is odd while it changes. Files of another format (magic) are taken for none.
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
  kComputing = 0,  // outside communication, or communicating in the background: it waits for nobody
  kWaiting = 1,    // in finish() of the operation that the record names
  kFailed = 2,     // gave up with `message` and `exit_code`
  kFinished = 3,   // left the world in good order
};

/// How far a rank is in a group it belongs to: sequence of the last operation started and finished.
struct RecordGroup {
  char name[40] = {};
  std::int64_t started = -1, finished = -1;
};

struct RecordHead {
  static constexpr char kMagic[8] = {'S', 'L', 'U', 'R', 'E', 'C', '0', '5'};
  static constexpr int kMaxWaitsFor = 48;

  char magic[8] = {};
  std::uint32_t version = 0;
  std::int32_t rank = 0;
  std::int32_t world_size = 1;
  std::int32_t pid = 0;
  std::uint64_t job = 0;      // the same for all ranks of one start
  std::uint64_t machine = 0;  // hash of host boot and process-id namespace: equal means that `pid` can be looked up
  char host[64] = {};

  RankState state = RankState::kComputing;
  std::int32_t late = 0;        // 1: gave up waiting, past its deadline or for a dead rank
  std::int32_t found_dead = -1;  // the rank of its machine whose process it saw gone: whoever reads this later cannot look any more
  double since = 0;             // wall clock (seconds) of the last change of state
  std::uint64_t alive = 0;      // grows while the communication thread polls for an operation that is waited for
  double written = 0;           // wall clock of the last change of any kind
  double heartbeat_at = 0;      // wall clock of the last heartbeat
  char heartbeat_text[160] = {};  // what it works at alone; empty once that is over

  // The operation that is waited for; for a rank that waits for nobody, the last one that it started.
  char operation[40] = {};
  char slot[48] = {};
  char phase[16] = {};
  char group[40] = {};
  std::int64_t step = -1, sequence = -1;
  std::int64_t bytes_to_send = 0, bytes_to_receive = 0;
  std::int32_t waits_for_group = 0;  // 1: a collective; whoever of the group has not started it
  std::int32_t num_waits_for = 0;    // may exceed what fits
  std::int32_t waits_for[kMaxWaitsFor] = {};

  std::int32_t num_groups = 0;
  std::int32_t exit_code = 0;  // of the error that this rank stops with, also while it tells the others; 0: none
  char stop_signal[12] = {};   // the request to stop that this rank got: "SIGTERM"; empty: none
  char message[256] = {};
};

struct RankRecord : RecordHead {
  std::vector<RecordGroup> groups;
};

constexpr std::size_t record_file_bytes(std::size_t groups) {
  return sizeof(RecordHead) + groups * sizeof(RecordGroup);
}

/// Copies as much as fits, always terminated.
template <std::size_t N>
void set_text(char (&to)[N], std::string_view text) {
  const std::size_t size = text.size() < N ? text.size() : N - 1;
  std::memcpy(to, text.data(), size);
  std::memset(to + size, 0, N - size);
}

/// The writing side; safe to call from any thread. Works without a file too.
class RecordBoard {
 public:
  RecordBoard(int rank, int world_size, std::uint64_t job);
  ~RecordBoard();
  RecordBoard(const RecordBoard&) = delete;
  RecordBoard& operator=(const RecordBoard&) = delete;

  /// From now on the record is also in directory/rank-NNNN. Data error if that cannot be written. Rank 0 removes the failure
  /// report of an earlier start, which these records no longer explain.
  void open(const std::filesystem::path& directory);
  const std::filesystem::path& directory() const { return directory_; }

  void set_job(std::uint64_t job);
  /// The slot of a new group. Data error if the file cannot grow.
  int add_group(const std::string& name);
  void started(int slot, const OperationInfo& info);
  void begin_wait(const Operation& operation);
  /// The operation is complete; `began` tells whether begin_wait() was called for it.
  void end_wait(int slot, std::int64_t sequence, bool began);
  /// Publishes for whom the operation waits, as a sign of life of the communication thread.
  void waits_for(const Operation& operation);
  /// What the rank works at alone; empty: that is over.
  void heartbeat(std::string_view text);
  /// `dead_rank`: the rank whose process has died, or -1.
  void set_late(int dead_rank);
  void set_failed(std::string_view message, ExitCode code);
  /// As set_failed(), of a rank that still meets the others to tell them.
  void set_leaving(std::string_view message, ExitCode code);
  void set_asked_to_stop(std::string_view signal);
  void set_finished();
  RankRecord record() const;
  /// Makes the record visible to other hosts on a network file system.
  void flush();

 private:
  template <class Change>
  void change(Change&& change);
  static void describe(RecordHead& record, const OperationInfo& info);
  /// Maps `path` with room for all groups and some more, holding what the record holds now.
  void map(const std::filesystem::path& path);
  void unmap();

  mutable std::mutex mutex_;
  int num_waiting_ = 0;
  RankRecord own_;
  RecordHead* mapped_ = nullptr;
  std::size_t room_ = 0;  // groups that fit behind mapped_
  std::filesystem::path directory_;
};

/// Where the report of a failure is kept, beside the records it was made from.
inline constexpr const char* kFailureFile = "failure.txt";
std::filesystem::path record_path(const std::filesystem::path& directory, int rank);
/// The record of `rank`, unless there is none that can be read.
std::optional<RankRecord> read_record(const std::filesystem::path& directory, int rank);
/// All records in a directory, by rank; the size comes from the records themselves.
std::vector<std::optional<RankRecord>> read_records(const std::filesystem::path& directory);

/// Identifies this boot of this host and the process-id namespace.
std::uint64_t machine_identity();
enum class ProcessState { kUnknown, kRunning, kStopped, kGone };
/// What the kernel says about a process of this machine.
ProcessState process_state(int pid);
double wall_clock();

}  // namespace sluice::parallel
