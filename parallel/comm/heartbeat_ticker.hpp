// Sends heartbeats while a rank works alone, so that the deadlines of the ranks that wait for it do not pass, however long the work takes.
// If the work does not report its progress, a thread sends heartbeats as long as the process runs. If it does, heartbeats are sent only
// while it makes progress. After world.deadline_seconds() without progress (a file system hangs, say) the job ends with an error that
// names the rank and the work.
//
//     HeartbeatTicker ticker(world, "verifying checkpoints");      // sends heartbeats in any case
//     work([&](const char* merge) { ticker.progress(merge); });    // from now on only while there is progress
//     ticker.rest();                                               // this rank now waits for others: no heartbeats
#pragma once

#include "parallel/comm/stall_watch.hpp"
#include "parallel/comm/world.hpp"

#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace sluice::parallel {

/// Hold one for the whole length of the work; the destructor tells the others that it is over.
class HeartbeatTicker {
 public:
  /// Sends a heartbeat at once, and then every world.heartbeat_seconds(). `text` says what the rank is doing, for reports. `world` must
  /// outlive the ticker and must not be shut down meanwhile.
  HeartbeatTicker(World& world, std::string_view text);
  ~HeartbeatTicker();
  HeartbeatTicker(const HeartbeatTicker&) = delete;
  HeartbeatTicker& operator=(const HeartbeatTicker&) = delete;

  /// Sends a heartbeat with this text now, and from now on regularly, without expecting progress. Thread-safe.
  void say(std::string_view text);
  /// Tells that the work has made progress and is now at `text`. From now on heartbeats are sent only while there is progress. Cheap.
  /// Thread-safe.
  void progress(std::string_view text);
  /// From now on neither sends heartbeats nor expects progress, until say() or progress() is called. Thread-safe.
  void rest();

 private:
  enum class Mode { kAlive, kMeasured, kResting };
  void loop();

  World& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;          // guarded by mutex_
  Mode mode_ = Mode::kAlive;  // guarded by mutex_
  bool progressed_ = false;   // guarded by mutex_: since the last beat
  bool over_ = false;         // guarded by mutex_
  StallWatch watch_;
  std::thread thread_;
};

}  // namespace sluice::parallel
