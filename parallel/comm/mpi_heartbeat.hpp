// Signs of life over the wire: single bytes. They need no shared file, so they work before the records are open and on nodes that
// share none. A rank beats to rank 0, and rank 0 to all; while rank 0 waits it passes on what it hears, no more often than it would
// beat itself. So when all ranks work at once, as in a save, the messages grow with the ranks, not with their square.
#pragma once

#include "parallel/comm/comm_thread.hpp"
#include "parallel/comm/mpi_operations.hpp"

#include <chrono>
#include <mutex>
#include <vector>

namespace sluice::parallel {

/// Ranks that a beat of `rank` goes to.
std::vector<int> beats_to(int rank, int size);

class MpiHeartbeat {
 public:
  /// `thread` outlives this. Beats that follow another by less than `shortest_seconds` are not sent.
  MpiHeartbeat(MpiGroupPtr world, CommThread& thread, double shortest_seconds)
      : world_(std::move(world)), thread_(thread), shortest_seconds_(shortest_seconds) {}

  /// Any thread; does not wait. False if it was not sent: too early, or the last one is still under way.
  bool beat();
  /// Communication thread only: true if beats have come in since the last call. Rank 0 passes them on.
  bool collect();

  /// No more beats from here; waits for the last one and returns how many there were.
  std::int64_t close(double seconds);
  /// How many messages have come to `rank`, when each rank has sent so many beats.
  static std::int64_t expected(int rank, const std::vector<std::int64_t>& sent_by_rank);
  /// Communication thread only: beats collected so far.
  std::int64_t collected() const { return collected_; }

 private:
  /// Holding mutex_.
  bool beat_now();

  MpiGroupPtr world_;
  CommThread& thread_;
  double shortest_seconds_;
  std::mutex mutex_;
  OperationPtr last_;  // guarded by mutex_
  std::chrono::steady_clock::time_point last_time_{};
  std::int64_t sent_ = 0;
  bool closed_ = false;
  std::int64_t collected_ = 0;  // communication thread only
};

}  // namespace sluice::parallel
