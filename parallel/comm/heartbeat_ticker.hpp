// A heartbeat for the whole length of one-rank work: while it lives, a thread beats, so that the others' deadlines do not
// count however long the work takes. A process that is stopped, killed or cut off beats no more.
//
//     HeartbeatTicker ticker(world, "learning merges");
//     work([&](std::string_view text) { ticker.say(text); });
#pragma once

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

  /// Beats, and from now on with this text. Thread-safe.
  void say(std::string_view text);

 private:
  void loop();

  World& world_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string text_;   // guarded by mutex_
  bool over_ = false;  // guarded by mutex_
  std::thread thread_;
};

}  // namespace sluice::parallel
