// Waiting in a loop that gives the core away (sched_yield) between looks at a condition. If a yield comes back late, another thread
// computes on this core. It is then better to sleep: a woken thread gets the core at once, while a yielding one waits for whole time slices
// (milliseconds each). So the loop gives up, and remembers for a while that the core is busy.
#pragma once

#include <sched.h>

#include <atomic>
#include <chrono>

namespace sluice::parallel {

class CourteousSpin {
 public:
  using Clock = std::chrono::steady_clock;

  /// Calls done() until it returns true, `limit` is over, or the core is found busy. Returns the last result of done().
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

  /// Yields the core once. `before` is the time now; returns the time afterwards.
  Clock::time_point yield(Clock::time_point before) {
    sched_yield();
    const Clock::time_point after = Clock::now();
    if (after - before > kLate) busy_until_.store((after + kMemory).time_since_epoch().count(), std::memory_order_relaxed);
    return after;
  }

  /// Whether a yield came back late within the last 100 milliseconds.
  bool busy(Clock::time_point now) const { return now.time_since_epoch().count() < busy_until_.load(std::memory_order_relaxed); }

 private:
  static constexpr auto kLate = std::chrono::microseconds(200);
  static constexpr auto kMemory = std::chrono::milliseconds(100);
  std::atomic<Clock::rep> busy_until_{0};
};

}  // namespace sluice::parallel
