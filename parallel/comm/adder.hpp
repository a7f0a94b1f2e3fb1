// A thread that adds up what other ranks sent in reductions, so that the communication thread can go on moving messages meanwhile.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

namespace sluice::parallel {

/// Runs submitted work on one thread of its own, in the order of submission.
class Adder {
 public:
  /// Tells whether a piece of submitted work is done. A default-constructed ticket counts as done.
  class Ticket {
   public:
    Ticket() = default;
    bool done() const { return !done_ || done_->load(std::memory_order_acquire); }
    void wait() const {
      if (done_) done_->wait(false, std::memory_order_acquire);
    }

   private:
    friend class Adder;
    explicit Ticket(std::shared_ptr<std::atomic<bool>> done) : done_(std::move(done)) {}
    std::shared_ptr<std::atomic<bool>> done_;
  };

  Adder() = default;
  /// Waits until all submitted work is done.
  ~Adder();
  Adder(const Adder&) = delete;
  Adder& operator=(const Adder&) = delete;

  /// Queues `work`, which must not throw, and returns at once. The thread is started by the first call.
  Ticket submit(std::function<void()> work);

 private:
  struct Job {
    std::function<void()> work;
    std::shared_ptr<std::atomic<bool>> done;
  };
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;   // guarded by mutex_
  bool stopping_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::parallel
