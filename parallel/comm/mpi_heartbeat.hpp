// Signs of life over the wire: one byte from a rank that works alone to every other. They need no shared file, so they work
// before the records are open and on nodes that share none.
#pragma once

#include "parallel/comm/comm_thread.hpp"
#include "parallel/comm/mpi_operations.hpp"

#include <chrono>
#include <mutex>

namespace sluice::parallel {

class MpiHeartbeat {
 public:
  /// `thread` outlives this. Beats that follow another by less than `shortest_seconds` are not sent.
  MpiHeartbeat(MpiGroupPtr world, CommThread& thread, double shortest_seconds)
      : world_(std::move(world)), thread_(thread), shortest_seconds_(shortest_seconds) {}

  /// Any thread; does not wait. False if it was not sent: too early, or the last one is still under way.
  bool beat();
  /// Communication thread only: true if beats have come in since the last call.
  bool collect();

  /// No more beats from here; waits for the last one and returns how many there were.
  std::int64_t close(double seconds);
  /// Communication thread only: beats collected so far.
  std::int64_t collected() const { return collected_; }

 private:
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
