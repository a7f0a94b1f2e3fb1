// A fixed set of threads that run jobs in parallel and give their results back in the order in which the jobs were pushed.
// Requires: one thread alone pushes and pops. Guarantees: pop() gives the results in push order and rethrows what the job threw; the
// destructor waits for running jobs and drops the others.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace sluice::data {

template <class Result>
class OrderedWorkers {
 public:
  explicit OrderedWorkers(int threads) {
    for (int i = 0; i < std::max(1, threads); ++i) threads_.emplace_back([this] { work(); });
  }
  ~OrderedWorkers() {
    {
      std::lock_guard lock(mutex_);
      stop_ = true;
      waiting_.clear();
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  OrderedWorkers(const OrderedWorkers&) = delete;
  OrderedWorkers& operator=(const OrderedWorkers&) = delete;

  template <class Job>
  void push(Job job) {
    std::packaged_task<Result()> task(std::move(job));
    results_.push_back(task.get_future());
    {
      std::lock_guard lock(mutex_);
      waiting_.push_back(std::move(task));
    }
    wake_.notify_one();
  }

  /// Jobs pushed and not popped.
  std::size_t size() const { return results_.size(); }
  /// True if enough jobs are waiting to keep every thread busy while the caller prepares more.
  bool full() const { return results_.size() >= 2 * threads_.size(); }

  /// Waits for the oldest job. Requires size() > 0.
  Result pop() {
    std::future<Result> result = std::move(results_.front());
    results_.pop_front();
    return result.get();
  }

 private:
  void work() {
    for (;;) {
      std::packaged_task<Result()> task;
      {
        std::unique_lock lock(mutex_);
        wake_.wait(lock, [this] { return stop_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        task = std::move(waiting_.front());
        waiting_.pop_front();
      }
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::packaged_task<Result()>> waiting_;
  bool stop_ = false;
  std::deque<std::future<Result>> results_;  // touched by the pushing thread only
  std::vector<std::thread> threads_;
};

}  // namespace sluice::data
