// One lock per run directory, held by the process of rank 0 for as long as it lives: flock(2) on DIR/run.lock, which the
// kernel drops however the process ends, kill -9 included. The file stays; it says who held the lock last, and that is
// believed only while the lock is taken.
// On NFS, Linux turns flock into a byte-range lock at the server, so nodes exclude each other there too, unless it is mounted
// with nolock or local_lock. Where a file system has no locks (Lustre without -o flock), that is warned of, and nothing is held.
#pragma once

#include "core/base/file_lock.hpp"

#include <filesystem>

namespace sluice::recipes {

class RunLock {
 public:
  /// Takes the lock of `directory` (which exists). If another process has it, waits up to `wait_seconds` (the ranks of a killed
  /// mpirun live on for seconds), then a usage error (exit 2) that names host, process and since when.
  explicit RunLock(const std::filesystem::path& directory, double wait_seconds = 30.0);

 private:
  FileLock lock_;
};

}  // namespace sluice::recipes
