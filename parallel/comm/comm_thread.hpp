// The one thread of a process that calls MPI. Others submit operations, which start in the order of submission, and wait.
// While operations are under way it spins for a while (a sleep at once makes small messages 100 times slower), then sleeps
// ever longer (a spinning wait burns its core); with nothing under way it sleeps until something is submitted.
#pragma once

#include "parallel/comm/courteous_spin.hpp"
#include "parallel/comm/operation.hpp"

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace sluice::parallel {

class CommThread {
 public:
  /// Told about every awaited operation that is still not complete, about ten times a second.
  using Observer = std::function<void(const Operation&)>;

  CommThread();
  ~CommThread();
  CommThread(const CommThread&) = delete;
  CommThread& operator=(const CommThread&) = delete;

  /// Queues an operation. After a failure, or after stop(), it completes at once with that error.
  void submit(std::shared_ptr<Operation> operation);
  /// Runs `work` on the communication thread, between operations; `urgent` work overtakes the queue.
  /// Returns false if it did not end within `seconds`; rethrows what it throws.
  bool run(std::function<void()> work, double seconds, bool urgent = false);
  /// Yield between polls while spinning: for more ranks than cores.
  void set_yield(bool yield) { yield_.store(yield, std::memory_order_relaxed); }
  void set_observer(Observer observer);
  /// Ends the thread. Operations under way are abandoned and complete with an error.
  void stop();
  bool failed() const { return failed_.load(std::memory_order_acquire); }

 private:
  void loop();
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
