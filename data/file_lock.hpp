// An advisory lock between processes, or between threads that each make a FileLock. It is released when the holder ends, however it ends.
#pragma once

#include <filesystem>
#include <functional>

namespace sluice::data {

class FileLock {
 public:
  /// Waits for the lock on `path` (created if missing, never removed); `waiting` is called about every 0.2 s meanwhile.
  FileLock(const std::filesystem::path& path, const std::function<void()>& waiting);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// False where the file system knows no locks: then nothing keeps others out.
  bool held() const { return held_; }

 private:
  int fd_ = -1;
  bool held_ = false;
};

}  // namespace sluice::data
