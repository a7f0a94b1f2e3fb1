// Notices that work which tells its progress has stopped getting on: a thread of its own, since the working one may hang in a
// system call. It touches nothing but its clock until then.
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
  /// `stalled` is called on the watch's thread, once, with the last thing that was said and for how many seconds nothing was.
  /// A limit of 0 watches nothing. Time in which this process did not run at all (stopped, suspended) does not count.
  StallWatch(double limit_seconds, std::function<void(const std::string& what, double seconds)> stalled);
  ~StallWatch();
  StallWatch(const StallWatch&) = delete;
  StallWatch& operator=(const StallWatch&) = delete;

  /// The work got on, and is now at `what`. Any thread.
  void progress(std::string_view what);
  /// The work is over, or waits for others: nothing is expected until the next progress().
  void rest();

 private:
  void loop();

  const double limit_seconds_;
  const std::function<void(const std::string&, double)> stalled_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string what_;       // guarded by mutex_
  bool working_ = false;   // guarded by mutex_
  bool progressed_ = false;  // guarded by mutex_: since the thread looked last
  bool over_ = false;      // guarded by mutex_
  std::thread thread_;     // from the first progress() on
};

}  // namespace sluice::parallel
