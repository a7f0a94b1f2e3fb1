#include "data/waiting_lock.hpp"

#include <chrono>
#include <thread>

namespace sluice::data {

WaitingLock::WaitingLock(const std::filesystem::path& path, const std::function<void()>& waiting) : lock_(path) {
  FileLock::Attempt attempt;
  while ((attempt = lock_.try_to_take()) == FileLock::Attempt::kBusy) {
    if (waiting) waiting();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
  held_ = attempt == FileLock::Attempt::kTaken;
}

}  // namespace sluice::data
