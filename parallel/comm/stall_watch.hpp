// Notices when work that reports its progress makes no more progress. It uses a thread of its own, since the working thread may hang in a
// system call; until then, that thread only looks at the clock.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::parallel {

class StallWatch {
 public:
  /// After `limit_seconds` without progress, `stalled` is called once, on the watch's thread, with the last text given to progress() and
  /// the seconds since then. A limit of 0 watches nothing. Time in which this process did not run at all (stopped, suspended) does not
  /// count.
  StallWatch(double limit_seconds, std::function<void(const std::string& what, double seconds)> stalled);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  /// Tells that the work has made progress and is now at `what`. Thread-safe.
  void progress(std::string_view what);
  /// Tells that the work is over or waits for others: no progress is expected until the next call of progress(). Thread-safe.
  void rest();

 private:
  void loop();

  const double limit_seconds_;
  const std::function<void(const std::string&, double)> stalled_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_;         // guarded by mutex_
  bool working_ = false;     // guarded by mutex_
  bool progressed_ = false;  // guarded by mutex_: whether there was progress since the thread looked last
  bool over_ = false;        // guarded by mutex_
  std::thread thread_;       // started by the first progress()
};

}  // namespace sluice::parallel
