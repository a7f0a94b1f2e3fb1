// Heartbeats as messages of one byte. They need no shared file, so they work before the records are open and between nodes without a
// shared file system. A rank sends its heartbeats to rank 0, and rank 0 sends to all others. While rank 0 waits, it passes on the
// heartbeats it gets, but no more often than it would send its own. So if all ranks work at once, as in a save, the number of messages
// grows with the number of ranks, not with its square.
#pragma once

#include "parallel/comm/comm_thread.hpp"
#include "parallel/comm/mpi_operations.hpp"

#include <chrono>
#include <mutex>
#include <vector>

namespace sluice::parallel {

/// The ranks to which a heartbeat of `rank` is sent, in a world of `size` ranks.
std::vector<int> beats_to(int rank, int size);

/// Sends and collects the heartbeats of one process.
class MpiHeartbeat {
 public:
  /// `thread` must outlive this object. A heartbeat less than `shortest_seconds` after the last one is not sent.
  MpiHeartbeat(MpiGroupPtr world, CommThread& thread, double shortest_seconds)
      : world_(std::move(world)), thread_(thread), shortest_seconds_(shortest_seconds) {}

  /// Sends a heartbeat without waiting for it. Returns false if it was not sent: too early, the last one is still under way, there is only
  /// one rank, or close() was called. Thread-safe.
  bool beat();
  /// Returns whether heartbeats have come in since the last call; rank 0 passes them on. Communication thread only.
  bool collect();

  /// Stops sending, waits at most `seconds` for the last heartbeat, and returns how many times this rank has sent one.
  std::int64_t close(double seconds);
  /// How many messages `rank` gets in all if sent_by_rank[r] is what close() returned on rank r.
  static std::int64_t expected(int rank, const std::vector<std::int64_t>& sent_by_rank);
  /// The number of messages collected so far. Communication thread only.
  std::int64_t collected() const { return collected_; }

 private:
  /// The caller holds mutex_.
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
