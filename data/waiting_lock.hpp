// A FileLock (core/base/file_lock.hpp) that is waited for as long as it takes: who writes caches and notes has it briefly, or is at work on
// what others want too.
#pragma once

#include "core/base/file_lock.hpp"

#include <functional>

namespace sluice::data {

class WaitingLock {
 public:
  /// Waits for the lock on `path` (made if missing, never removed); `waiting` is called about every 0.2 s meanwhile. Data error (exit 3) if
  /// the file cannot be opened.
  WaitingLock(const std::filesystem::path& path, const std::function<void()>& waiting);

  /// False where the file system knows no locks: then nothing keeps others out.
  bool held() const { return held_; }

 private:
  FileLock lock_;
  bool held_ = false;
};

}  // namespace sluice::data
