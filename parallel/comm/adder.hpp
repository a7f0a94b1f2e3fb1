// The thread of a process that adds up what other ranks sent, so that the one that polls the wire goes on polling meanwhile.
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

class Adder {
 public:
  /// Tells when a piece of work is done.
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
  /// After all that was submitted is done.
  ~Adder();
  Adder(const Adder&) = delete;
  Adder& operator=(const Adder&) = delete;

  /// Runs `work`, which must not throw, on the adder's thread, after what was submitted before. The thread starts with the first.
  Ticket submit(std::function<void()> work);

 private:
  struct Job {
    std::function<void()> work;
    std::shared_ptr<std::atomic<bool>> done;
  };
  void loop();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Job> jobs_;    // guarded by mutex_
  bool stopping_ = false;   // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::parallel
