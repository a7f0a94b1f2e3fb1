#include "data/loader.hpp"

#include <algorithm>
#include <utility>

namespace sluice::data {

Loader::Loader(Make make, std::uint64_t step, std::size_t depth)
    : make_(std::move(make)), depth_(std::max<std::size_t>(1, depth)), step_(step), thread_([this] { work(); }) {}

Loader::~Loader() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Batch Loader::next() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !ready_.empty() || failure_; });
  // Batches made before the failure are good.
  if (ready_.empty()) std::rethrow_exception(failure_);
  Batch batch = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void Loader::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stop_ || (!failure_ && ready_.size() < depth_); });
    if (stop_) return;
    const std::uint64_t step = step_;
    lock.unlock();
    Batch batch;
    std::exception_ptr failure;
    try {
      batch = make_(step);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    if (failure) {
      failure_ = failure;
    } else {
      ready_.push_back(std::move(batch));
      step_ = step + 1;
    }
    changed_.notify_all();
  }
}

}  // namespace sluice::data
