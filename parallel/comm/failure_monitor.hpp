// Waiting with a deadline, and what happens when it passes: the job ends with a report, never in a hang.
//
// A rank past its deadline marks its record, gives the others up to 2 s to do the same, and then the lowest-numbered one
// that is late composes the report from all records, prints it (and writes it to failure.txt beside them) and ends the
// job with exit code 4; the others leave that to it, and go on their own only if it does not happen: then without a word, if
// failure.txt is there.
// A rank of this machine whose process has died ends the wait early. While a rank works alone, the deadlines of those who
// wait count from its last heartbeat.
#pragma once

#include "parallel/comm/courteous_spin.hpp"
#include "parallel/comm/failure_report.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace sluice::parallel {

/// Where a rank lives, as all ranks know it from the start.
struct PeerProcess {
  std::int32_t pid = 0;
  std::uint64_t machine = 0;  // machine_identity()
};

class FailureMonitor {
 public:
  /// `abort` ends the whole job with the exit code it is given; it may return if it cannot.
  FailureMonitor(std::shared_ptr<RecordBoard> board, std::function<void(int)> abort) : board_(std::move(board)), abort_(std::move(abort)) {}

  void set_peers(std::vector<PeerProcess> peers) { peers_ = std::move(peers); }

  /// Waits for the operation. `deadline_seconds` <= 0: no deadline, but a dead rank of this machine still ends the job.
  /// Throws what the operation failed with.
  void await(Operation& operation, double deadline_seconds, int group_slot);
  /// A rank that works alone gave a sign of life, now. Any thread.
  void note_heartbeat();
  /// The world rank of a process of this machine that has died, or -1.
  int find_dead_peer() const;

  RecordBoard& board() { return *board_; }

 private:
  [[noreturn]] void fail(double waited, int dead_rank);
  std::vector<RankObservation> observe() const;

  std::shared_ptr<RecordBoard> board_;
  std::function<void(int)> abort_;
  std::vector<PeerProcess> peers_;
  std::atomic<std::chrono::steady_clock::rep> last_heartbeat_{0};
  CourteousSpin spin_;
};

/// One rank of many speaks of a failure that all see: true for the first that asks, whose text is kept in kFailureFile of the
/// directory; true for all if there is no directory, or it cannot be written.
bool claim_report(const std::filesystem::path& directory, std::string_view text);

/// The report on the records in a directory, for a later program: empty if there are none or all ranks finished. Blames
/// somebody only if a rank had noticed a failure; else the run was killed, and the step of rank 0, and who was asked to stop, is all
/// that can be said.
std::string report_on_records(const std::filesystem::path& directory);

}  // namespace sluice::parallel
