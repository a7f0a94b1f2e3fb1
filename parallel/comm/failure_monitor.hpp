// Waiting with a deadline, and what happens when it passes: the job ends with a report, never in a hang.
//
// A rank past its deadline marks itself as late in its record (rank_record.hpp) and gives the others up to 2 s to do the same. Then the
// lowest-numbered late rank composes the report from all records, prints it, writes it to failure.txt beside the records and ends the job
// with exit code 4. The other late ranks wait for that. If it does not happen within 10 s, they end the job themselves, and print
// their report only if there is no failure.txt.
// If the process of a rank on this machine has died, the wait ends before the deadline. While a rank works alone and sends heartbeats, the
// deadlines of the waiting ranks count from its last heartbeat.
#pragma once

#include "parallel/comm/courteous_spin.hpp"
#include "parallel/comm/failure_report.hpp"

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <vector>

namespace sluice::parallel {

/// The process of a rank. All ranks tell each other theirs at the start.
struct PeerProcess {
  std::int32_t pid = 0;
  std::uint64_t machine = 0;  // machine_identity()
};

/// Waits for the operations of one process, as described above.
class FailureMonitor {
 public:
  /// `board` is the record of this rank. `abort` ends the whole job with the exit code it is given; if it returns, this process exits.
  FailureMonitor(std::shared_ptr<RecordBoard> board, std::function<void(int)> abort) : board_(std::move(board)), abort_(std::move(abort)) {}

  /// The processes of all ranks, by world rank.
  void set_peers(std::vector<PeerProcess> peers) { peers_ = std::move(peers); }

  /// Waits for the operation and throws what it failed with. With `deadline_seconds` <= 0 there is no deadline, but a dead process on this
  /// machine still ends the job. `group_slot` is the group's index in the record, from RecordBoard::add_group().
  void await(Operation& operation, double deadline_seconds, int group_slot);
  /// Tells that a heartbeat of a rank that works alone has come in now. Thread-safe.
  void note_heartbeat();
  /// Returns the world rank of a process on this machine that has died, or -1 if none has.
  int find_dead_peer() const;

 private:
  [[noreturn]] void fail(double waited, int dead_rank);
  std::vector<RankObservation> observe() const;

  std::shared_ptr<RecordBoard> board_;
  std::function<void(int)> abort_;
  std::vector<PeerProcess> peers_;
  std::atomic<std::chrono::steady_clock::rep> last_heartbeat_{0};
  CourteousSpin spin_;
};

/// Decides which rank prints the report of a failure that several ranks see. Returns true to the first rank that calls it, and keeps its
/// text in the file kFailureFile of the directory; returns false to the others. Returns true to all if `directory` is empty or cannot be
/// written.
bool claim_report(const std::filesystem::path& directory, std::string_view text);

/// The report on the records in a directory, for a program that runs later. Empty if there are no records or all ranks finished. It names a
/// culprit only if some rank had noticed a failure. Otherwise the run was killed, and the report says only the last known step and
/// operation, and the signal if all ranks had been asked to stop.
std::string report_on_records(const std::filesystem::path& directory);

}  // namespace sluice::parallel
