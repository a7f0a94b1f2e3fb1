// Spinning that gives the core away between looks, as long as it comes back at once. A yield that comes back late went to
// a thread that computes: then it is better to sleep and be woken, which the scheduler does at once, and to remember that
// for a while, than to queue up behind whole time slices (milliseconds each).
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>

namespace sluice::parallel {

class CourteousSpin {
 public:
  using Clock = std::chrono::steady_clock;

  /// Calls `done` until it is true, the time is over, or the core turns out to be busy. Returns what `done` last said.
  template <class Done>
  bool until(Done&& done, std::chrono::nanoseconds limit) {
    if (done()) return true;
    const Clock::time_point begin = Clock::now();
    for (Clock::time_point now = begin; now - begin < limit && !busy(now);) {
      now = yield(now);
      if (done()) return true;
    }
    return false;
  }

  /// Yields once; the time afterwards.
  Clock::time_point yield(Clock::time_point before) {
    sched_yield();
    const Clock::time_point after = Clock::now();
    if (after - before > kLate) busy_until_.store((after + kMemory).time_since_epoch().count(), std::memory_order_relaxed);
    return after;
  }

  bool busy(Clock::time_point now) const { return now.time_since_epoch().count() < busy_until_.load(std::memory_order_relaxed); }

 private:
  static constexpr auto kLate = std::chrono::microseconds(200);
  static constexpr auto kMemory = std::chrono::milliseconds(100);
  std::atomic<Clock::rep> busy_until_{0};
};

}  // namespace sluice::parallel
