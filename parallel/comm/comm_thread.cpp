#include "parallel/comm/comm_thread.hpp"

#include "core/base/error.hpp"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include <iterator>

namespace sluice::parallel {
namespace {

using Clock = std::chrono::steady_clock;

constexpr auto kLinger = std::chrono::microseconds(50);

class RunOnThread final : public Operation {
 public:
  explicit RunOnThread(std::function<void()> work) : Operation({{"run", -1, "", ""}, "", -1, 0, 0}), work_(std::move(work)) {}
  bool start() override {
    try {
      work_();
    } catch (...) {
      thrown_ = std::current_exception();  // for the caller of run(); other operations do not fail because of it
    }
    return true;
  }
  bool poll() override { return true; }
  void rethrow_work() const {
    if (thrown_) std::rethrow_exception(thrown_);
  }

 private:
  std::function<void()> work_;
  std::exception_ptr thrown_;
};

}  // namespace

CommThread::CommThread() : thread_([this] { loop(); }) {}

CommThread::~CommThread() { stop(); }

void CommThread::submit(std::shared_ptr<Operation> operation) {
  std::exception_ptr failure;
  {
    std::lock_guard lock(mutex_);
    failure = failure_;
    if (!failure) {
      submitted_.push_back(operation);
      num_submitted_.fetch_add(1, std::memory_order_release);
    }
  }
  if (failure) operation->complete(failure);
  else submitted_changed_.notify_one();
}

bool CommThread::run(std::function<void()> work, double seconds, bool urgent) {
  auto operation = std::make_shared<RunOnThread>(std::move(work));
  {
    std::lock_guard lock(mutex_);
    if (stopping_) return false;
    (urgent ? urgent_ : submitted_).push_back(operation);
    num_submitted_.fetch_add(1, std::memory_order_release);
  }
  submitted_changed_.notify_one();
  if (!operation->wait_for(seconds)) return false;
  operation->rethrow();
  operation->rethrow_work();
  return true;
}

void CommThread::set_observer(Observer observer) {
  std::lock_guard lock(mutex_);
  observer_ = std::move(observer);
}

void CommThread::stop() {
  {
    std::lock_guard lock(mutex_);
    if (stopping_ && !thread_.joinable()) return;
    stopping_ = true;
    if (!failure_) failure_ = std::make_exception_ptr(communication_error("the communication thread has been stopped"));
    num_submitted_.fetch_add(1, std::memory_order_release);
  }
  submitted_changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

/// Moves what was submitted to starting_; false if the thread is to end.
bool CommThread::take_submitted(bool wait, double seconds) {
  std::unique_lock lock(mutex_);
  const auto something = [this] { return stopping_ || num_submitted_.load(std::memory_order_relaxed) != 0; };
  if (wait && seconds < 0) submitted_changed_.wait(lock, something);
  if (wait && seconds >= 0) submitted_changed_.wait_for(lock, std::chrono::duration<double>(seconds), something);
  num_submitted_.store(0, std::memory_order_relaxed);
  std::move(urgent_.begin(), urgent_.end(), std::back_inserter(starting_));
  std::move(submitted_.begin(), submitted_.end(), std::back_inserter(starting_));
  urgent_.clear();
  submitted_.clear();
  return !stopping_;
}

void CommThread::start_submitted() {
  while (!starting_.empty()) {
    auto operation = std::move(starting_.front());
    starting_.pop_front();
    try {
      if (operation->start()) operation->complete();
      else under_way_.push_back(std::move(operation));
    } catch (...) {
      operation->abandon();
      operation->complete(std::current_exception());
      abandon_all(std::current_exception());
    }
  }
}

/// True if an operation completed.
bool CommThread::poll_all() {
  bool completed = false;
  for (std::size_t i = 0; i < under_way_.size();) {
    try {
      if (!under_way_[i]->poll()) {
        ++i;
        continue;
      }
    } catch (...) {
      abandon_all(std::current_exception());
      return true;
    }
    auto operation = std::move(under_way_[i]);
    under_way_.erase(under_way_.begin() + static_cast<std::ptrdiff_t>(i));
    operation->complete();
    completed = true;
  }
  return completed;
}

/// After one failed operation the ranks are no longer in step, so every other operation fails with the same error.
void CommThread::abandon_all(std::exception_ptr error) {
  const std::size_t first = abandoned_.size();
  {
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error;
    std::move(submitted_.begin(), submitted_.end(), std::back_inserter(abandoned_));
    submitted_.clear();
    failed_.store(true, std::memory_order_release);
  }
  std::move(under_way_.begin(), under_way_.end(), std::back_inserter(abandoned_));
  under_way_.clear();
  std::move(starting_.begin(), starting_.end(), std::back_inserter(abandoned_));
  starting_.clear();
  for (std::size_t i = first; i < abandoned_.size(); ++i) {
    abandoned_[i]->abandon();
    abandoned_[i]->complete(error);
  }
}

void CommThread::observe(Clock::time_point now) {
  if (now - observed_ < std::chrono::milliseconds(100)) return;
  observed_ = now;
  Observer observer;
  {
    std::lock_guard lock(mutex_);
    observer = observer_;
  }
  if (!observer) return;
  for (const auto& operation : under_way_)
    if (operation->awaited.load(std::memory_order_relaxed)) observer(*operation);
}

void CommThread::loop() {
  pthread_setname_np(pthread_self(), "sluice-comm");
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the business of the main thread
  prctl(PR_SET_TIMERSLACK, 1000UL, 0, 0, 0);  // 1 us, so that a short sleep is short

  Clock::time_point last_progress = Clock::now();
  double bytes = 0;
  while (true) {
    if (under_way_.empty()) {
      // The next operation often follows at once.
      spin_.until([this] { return num_submitted_.load(std::memory_order_acquire) != 0; }, kLinger);
      if (!take_submitted(true, -1)) break;
    } else if (num_submitted_.load(std::memory_order_acquire) != 0) {
      if (!take_submitted(false, 0)) break;
    }
    if (!starting_.empty()) {
      start_submitted();
      last_progress = Clock::now();
    }
    if (under_way_.empty()) continue;
    observe(Clock::now());  // here too, since with much traffic the loop below never reaches its call
    bytes = 0;
    for (const auto& operation : under_way_)
      bytes += static_cast<double>(operation->info().bytes_to_send + operation->info().bytes_to_receive);
    const Patience patience = patience_for(bytes);
    // Spin until something completes, is submitted, or patience ends.
    while (!under_way_.empty() && num_submitted_.load(std::memory_order_acquire) == 0) {
      if (poll_all()) {
        last_progress = Clock::now();
        break;
      }
      Clock::time_point now = Clock::now();
      const double idle = std::chrono::duration<double>(now - last_progress).count();
      const bool yields = yield_.load(std::memory_order_relaxed);
      if (idle < patience.spin_seconds && !(yields && spin_.busy(now))) {
        if (yields) spin_.yield(now);
        continue;
      }
      observe(now);
      if (!take_submitted(true, sleep_seconds(idle, patience))) {
        abandon_all(failure_);
        return;
      }
      if (!starting_.empty()) break;
    }
  }
  abandon_all(failure_);
}

}  // namespace sluice::parallel
