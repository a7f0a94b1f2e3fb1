// One piece of work of the communication thread and the waiting side of it. No MPI here.
#pragma once

#include "parallel/comm/communicator.hpp"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <mutex>
#include <string>
#include <vector>

namespace sluice::parallel {

enum class OperationKind : std::int32_t {
  kBarrier,
  kBroadcast,
  kAllGather,
  kAllGatherV,
  kCounts,
  kAllToAll,
  kAllReduce,
  kReduceScatter,
  kPair
};

/// What is known about an operation while it is under way: for records, reports and message headers.
struct OperationInfo {
  OperationLabel label;
  std::string group;           // name of the communicator
  std::int64_t sequence = -1;  // of the operation within the group; messages between two ranks have none
  std::int64_t bytes_to_send = 0;
  std::int64_t bytes_to_receive = 0;
  OperationKind kind = OperationKind::kPair;
  std::int32_t detail = 0;  // what else the ranks must agree on: root of a broadcast, element type and operator of a reduction
};

/// start() and poll() run on the communication thread only and may throw; any other thread may wait.
/// Buffers that the caller gave belong to the operation until it is complete.
class Operation {
 public:
  explicit Operation(OperationInfo info) : info_(std::move(info)) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Posts the first messages; true if the operation is already complete.
  virtual bool start() = 0;
  /// Makes progress without blocking; true once complete.
  virtual bool poll() = 0;
  /// Called on the communication thread before the operation is given up incomplete: when it returns, no other thread of this process
  /// works on the caller's buffers any more.
  virtual void abandon() {}
  /// World ranks from or to whom something is outstanding, ascending. Empty and true: all of the group, nobody in particular.
  virtual bool waits_for_group(std::vector<int>& world_ranks) const {
    world_ranks.clear();
    return true;
  }

  const OperationInfo& info() const { return info_; }

  bool done() const { return done_.load(std::memory_order_acquire); }
  /// Waits at most `seconds`; true if the operation is complete.
  bool wait_for(double seconds) {
    if (done()) return true;
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::duration<double>(seconds), [this] { return done(); });
  }
  void complete(std::exception_ptr error = nullptr) {
    // Notified under the lock: the waiter may destroy the operation as soon as it sees it done.
    std::lock_guard lock(mutex_);
    error_ = std::move(error);
    done_.store(true, std::memory_order_release);
    changed_.notify_all();
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

  /// Set while somebody waits in finish(); the communication thread then publishes for whom the operation waits.
  std::atomic<bool> awaited{false};

 private:
  OperationInfo info_;
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr error_;
};

}  // namespace sluice::parallel
