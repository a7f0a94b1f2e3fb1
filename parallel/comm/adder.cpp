#include "parallel/comm/adder.hpp"

#include <pthread.h>
#include <signal.h>

namespace sluice::parallel {

Adder::~Adder() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_one();
  if (thread_.joinable()) thread_.join();
}

Adder::Ticket Adder::submit(std::function<void()> work) {
  auto done = std::make_shared<std::atomic<bool>>(false);
  {
    std::lock_guard lock(mutex_);
    jobs_.push_back({std::move(work), done});
    if (!thread_.joinable()) thread_ = std::thread([this] { loop(); });
  }
  changed_.notify_one();
  return Ticket(std::move(done));
}

void Adder::loop() {
  pthread_setname_np(pthread_self(), "sluice-add");
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);  // signals are the business of the main thread
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
    if (jobs_.empty()) return;
    const Job job = std::move(jobs_.front());
    jobs_.pop_front();
    lock.unlock();
    job.work();
    job.done->store(true, std::memory_order_release);
    job.done->notify_all();
    lock.lock();
  }
}

}  // namespace sluice::parallel
