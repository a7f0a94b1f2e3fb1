// A heartbeat for work that a rank does alone, so that the others' deadlines do not count however long it takes. Where nothing is
// known of the work but that its process lives, a thread beats all the time; a process that is stopped, killed or cut off beats no
// more. Where the work tells its progress, it beats only if it got on, and the job ends with an error that names rank and work if
// it did not for as long as the deadlines are: a file system that hangs holds up a live process.
//
//     HeartbeatTicker ticker(world, "verifying checkpoints");      // beats, whatever happens
//     work([&](const char* merge) { ticker.progress(merge); });    // beats as the work gets on
//     ticker.rest();                                               // waits for others, which is not its own work
#pragma once

#include "parallel/comm/stall_watch.hpp"
#include "parallel/comm/world.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::parallel {

class HeartbeatTicker {
 public:
  /// Beats at once, then every world.heartbeat_seconds(). `world` outlives it and is not shut down meanwhile.
  HeartbeatTicker(World& world, std::string_view text);
  ~HeartbeatTicker();
  HeartbeatTicker(const HeartbeatTicker&) = delete;
  HeartbeatTicker& operator=(const HeartbeatTicker&) = delete;

  /// Beats now and all the time, with this text. Thread-safe.
  void say(std::string_view text);
  /// The work got on and is now at `text`; from now on only progress keeps the deadlines away. Cheap. Thread-safe.
  void progress(std::string_view text);
  /// Neither beats nor expects progress until the next of these calls.
  void rest();

 private:
  enum class Mode { kAlive, kMeasured, kResting };
  void loop();

  World& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;            // guarded by mutex_
  Mode mode_ = Mode::kAlive;    // guarded by mutex_
  bool progressed_ = false;     // guarded by mutex_: since the last beat
  bool over_ = false;           // guarded by mutex_
  StallWatch watch_;
  std::thread thread_;
};

}  // namespace sluice::parallel
