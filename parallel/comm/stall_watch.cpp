#include "parallel/comm/stall_watch.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <utility>

namespace sluice::parallel {

StallWatch::StallWatch(double limit_seconds, std::function<void(const std::string&, double)> stalled)
    : limit_seconds_(limit_seconds), stalled_(std::move(stalled)) {}

StallWatch::~StallWatch() {
  {
    std::lock_guard lock(mutex_);
    over_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

void StallWatch::progress(std::string_view what) {
  if (limit_seconds_ <= 0) return;
  std::lock_guard lock(mutex_);
  what_ = what;
  working_ = progressed_ = true;
  if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
}

void StallWatch::rest() {
  std::lock_guard lock(mutex_);
  working_ = false;
}

void StallWatch::loop() {
  pthread_setname_np(pthread_self(), "sluice-watch");
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the business of the main thread
  const double tick = std::clamp(limit_seconds_ / 20, 0.01, 1.0);
  using Clock = std::chrono::steady_clock;
  double idle = 0;
  Clock::time_point last = Clock::now();
  std::unique_lock lock(mutex_);
  while (!changed_.wait_for(lock, std::chrono::duration<double>(tick), [this] { return over_; })) {
    const Clock::time_point now = Clock::now();
    // If a round took longer, this process or its machine did not run meanwhile.
    idle += std::min(std::chrono::duration<double>(now - last).count(), 2 * tick);
    last = now;
    if (!working_ || std::exchange(progressed_, false)) idle = 0;
    if (idle < limit_seconds_) continue;
    const std::string what = what_;
    lock.unlock();
    stalled_(what, idle);
    return;
  }
}

}  // namespace sluice::parallel
