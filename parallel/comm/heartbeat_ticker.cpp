#include "parallel/comm/heartbeat_ticker.hpp"

#include <pthread.h>
#include <signal.h>

#include <chrono>

namespace sluice::parallel {

HeartbeatTicker::HeartbeatTicker(World& world, std::string_view text)
    : world_(world),
      text_(text),
      watch_(world.deadline_seconds(), [&world](const std::string& what, double seconds) { world.end_stalled(what, seconds); }) {
  say(text);
  thread_ = std::thread([this] { loop(); });
}

HeartbeatTicker::~HeartbeatTicker() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  thread_.join();
  watch_.rest();
  world_.heartbeat("");
}

void HeartbeatTicker::say(std::string_view text) {
  {
    std::lock_guard lock(mutex_);
    text_ = text;
    mode_ = Mode::kAlive;
  }
  watch_.progress(text);  // the record may be on the file system that hangs
  world_.heartbeat(text);
  watch_.rest();
}

void HeartbeatTicker::progress(std::string_view text) {
  watch_.progress(text);
  std::lock_guard lock(mutex_);
  text_ = text;
  mode_ = Mode::kMeasured;
  progressed_ = true;
}

void HeartbeatTicker::rest() {
  watch_.rest();
  std::lock_guard lock(mutex_);
  mode_ = Mode::kResting;
}

void HeartbeatTicker::loop() {
  pthread_setname_np(pthread_self(), "sluice-beat");
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the business of the main thread
  const auto interval = std::chrono::duration<double>(world_.heartbeat_seconds());
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, interval, [this] { return over_; })) {
    const bool beats = mode_ == Mode::kAlive || (mode_ == Mode::kMeasured && progressed_);
    progressed_ = false;
    if (!beats) continue;
    const std::string text = text_;
    lock.unlock();  // heartbeat() may wait for a file system, and callers of progress() must not wait for it
    world_.heartbeat(text);
    lock.lock();
  }
}

}  // namespace sluice::parallel
