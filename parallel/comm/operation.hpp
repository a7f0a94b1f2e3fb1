// One operation of the communication thread, and how other threads wait for it. No MPI here.
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
  std::int64_t sequence = -1;  // number of the collective operation within the group; -1 for send and receive
  std::int64_t bytes_to_send = 0;
  std::int64_t bytes_to_receive = 0;
  OperationKind kind = OperationKind::kPair;
  std::int32_t detail = 0;  // root of a broadcast, or element type and operator of a reduction; must be the same on all ranks
};

/// start() and poll() are called on the communication thread only and may throw; any other thread may wait.
/// The buffers of the caller belong to the operation until it is complete.
class Operation {
 public:
  explicit Operation(OperationInfo info) : info_(std::move(info)) {}
  virtual ~Operation() = default;
  Operation(const Operation&) = delete;
  Operation& operator=(const Operation&) = delete;

  /// Posts the first messages. Returns true if the operation is already complete.
  virtual bool start() = 0;
  /// Makes progress without blocking. Returns true once the operation is complete.
  virtual bool poll() = 0;
  /// Called on the communication thread before an incomplete operation is given up. When it returns, no other thread of this process works
  /// on the caller's buffers any more.
  virtual void abandon() {}
  /// Writes the world ranks for which the operation waits (it has yet to send to them or receive from them) to `world_ranks`, ascending. If
  /// no single ranks are known, returns true and leaves world_ranks empty: it waits for the group as a whole.
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
  /// Marks the operation as complete, with the error that it failed with, and wakes the waiting threads.
  void complete(std::exception_ptr error = nullptr) {
    // Notified under the lock: the waiter may destroy the operation as soon as it sees it done.
    std::lock_guard lock(mutex_);
    error_ = std::move(error);
    done_.store(true, std::memory_order_release);
    changed_.notify_all();
  }
  /// Throws the error that the operation failed with, if any. Call it only once the operation is complete.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

  /// Set once a thread waits for it in finish(): the communication thread then publishes in the record for whom the operation waits.
  std::atomic<bool> awaited{false};

 private:
  OperationInfo info_;
  std::atomic<bool> done_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::exception_ptr error_;
};

}  // namespace sluice::parallel
