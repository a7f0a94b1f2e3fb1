// The communication thread: the one thread of a process that calls MPI. Other threads submit operations, which start in the order of
// submission, and wait for them. While operations are under way, the thread first polls without sleeping (sleeping at once would make
// small messages 100 times slower) and then sleeps longer and longer between polls (polling keeps a core busy). With nothing under way it
// sleeps until something is submitted.
#pragma once

#include "parallel/comm/courteous_spin.hpp"
#include "parallel/comm/operation.hpp"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::parallel {

// How long the thread polls without sleeping, and how long it sleeps between polls after that. MPI moves bytes only while it is polled, so
// large operations are polled often for as long as their bytes may take. But the thread polls without sleeping for a millisecond at most,
// whatever the size, since other threads compute on its core.

/// Limits on the time since an operation last completed or started, in seconds.
struct Patience {
  double spin_seconds;   // until then the thread polls without sleeping
  double eager_seconds;  // until then it sleeps 50 microseconds between polls; after that longer and longer
};

/// The limits for operations under way that send and receive `bytes` bytes together.
inline Patience patience_for(double bytes) { return {std::min(400e-6 + bytes / 1e9, 1e-3), 20e-3 + bytes / 50e6}; }

/// How long to sleep before the next poll, `idle_seconds` after an operation last completed or started.
inline double sleep_seconds(double idle_seconds, const Patience& patience) {
  if (idle_seconds < patience.spin_seconds) return 20e-6;  // sleeping instead of spinning: the core is busy
  if (idle_seconds < patience.eager_seconds) return 50e-6;
  // Proportional to the time waited so far: sleeping makes a wait at most a tenth longer, and a long wait uses hardly any processor time.
  return std::clamp((idle_seconds - patience.eager_seconds) / 10, 100e-6, 2e-3);
}

class CommThread {
 public:
  /// Called on the communication thread, about ten times a second, for every incomplete operation that somebody waits for.
  using Observer = std::function<void(const Operation&)>;

  CommThread();
  ~CommThread();
  CommThread(const CommThread&) = delete;
  CommThread& operator=(const CommThread&) = delete;

  /// Queues an operation. If an operation has failed before, or after stop(), it completes at once with that error.
  void submit(std::shared_ptr<Operation> operation);
  /// Runs `work` on the communication thread, between operations, and waits for it; `urgent` work overtakes the queue. Rethrows what `work`
  /// throws. Returns false if the thread is stopped, or if `work` has not ended within `seconds`; it may then still run later.
  bool run(std::function<void()> work, double seconds, bool urgent = false);
  /// Whether the thread gives its core away between polls (the default): needed if there are as many ranks as cores, or more.
  void set_yield(bool yield) { yield_.store(yield, std::memory_order_relaxed); }
  void set_observer(Observer observer);
  /// Ends the thread. Operations under way are abandoned and complete with a communication error.
  void stop();
  /// Whether an operation has failed; all others then fail with the same error.
  bool failed() const { return failed_.load(std::memory_order_acquire); }

 private:
  void loop();
  /// With `wait`, first waits until something is submitted, at most `seconds` (forever if negative).
  bool take_submitted(bool wait, double seconds);
  void start_submitted();
  bool poll_all();
  void observe(std::chrono::steady_clock::time_point now);
  void abandon_all(std::exception_ptr error);

  std::mutex mutex_;
  std::condition_variable submitted_changed_;
  std::deque<std::shared_ptr<Operation>> submitted_;  // guarded by mutex_
  std::deque<std::shared_ptr<Operation>> urgent_;     // guarded by mutex_
  std::exception_ptr failure_;                        // guarded by mutex_: why nothing can be submitted any more
  Observer observer_;                                 // guarded by mutex_
  bool stopping_ = false;                             // guarded by mutex_
  std::atomic<std::size_t> num_submitted_{0};         // lets the polling loop look without the lock
  std::atomic<bool> failed_{false};
  std::atomic<bool> yield_{true};
  CourteousSpin spin_;

  std::deque<std::shared_ptr<Operation>> starting_;    // communication thread only
  std::vector<std::shared_ptr<Operation>> under_way_;  // communication thread only
  std::vector<std::shared_ptr<Operation>> abandoned_;  // communication thread only: MPI may still hold their buffers
  std::chrono::steady_clock::time_point observed_{};   // communication thread only
  std::thread thread_;
};

}  // namespace sluice::parallel
