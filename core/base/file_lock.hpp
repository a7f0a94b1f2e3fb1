// An advisory lock between processes, or between threads that each have a FileLock: flock(2) on a file. The kernel drops it when the holder
// ends, however it ends. How long to wait for a busy lock, and what to say meanwhile, is for the caller to decide.
#pragma once

#include <filesystem>

namespace sluice {

class FileLock {
 public:
  enum class Attempt {
    kTaken,
    kBusy,     // somebody else has it
    kNoLocks,  // the file system knows no locks: nothing keeps others out; errno has the reason
  };

  /// Opens `path`, or makes it. Data error (exit 3) if that is not possible. The lock is not taken yet.
  explicit FileLock(std::filesystem::path path);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

  /// Takes the lock if it is free, without waiting. If `path` leads to another file by now (somebody removed it meanwhile), that file is
  /// locked; it is made if there is none, with the same data error.
  Attempt try_to_take();
  /// The open file, to note the holder in.
  int fd() const { return fd_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace sluice
