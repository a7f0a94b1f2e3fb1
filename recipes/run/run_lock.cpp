#include "recipes/run/run_lock.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/host.hpp"
#include "core/base/log.hpp"
#include "recipes/run/json_row.hpp"

#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>

namespace sluice::recipes {
namespace {

/// "process 4711 on node3 since 2026-11-23 22:04:05", from what the holder wrote.
std::string read_holder(int fd) {
  char buffer[1024];
  const ssize_t size = pread(fd, buffer, sizeof buffer, 0);
  JsonRow row;
  // Between taking the lock and writing the record there is a moment without one.
  if (size <= 0 || !JsonRow::parse(std::string_view(buffer, static_cast<std::size_t>(size)), row)) return "a process that left no record";
  return fmt::format("process {} on {} since {}", row.integer("pid", -1), row.text("host"), row.text("since"));
}

void write_holder(int fd, const std::filesystem::path& path) {
  JsonRow row;
  row.set("host", host_name()).set("pid", getpid()).set("since", local_time_stamp(wall_seconds()));
  const std::string text = row.to_json() + '\n';
  if (ftruncate(fd, 0) != 0 || pwrite(fd, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
    log_warning("{}: cannot note the holder of the lock: {}", path.string(), std::strerror(errno));
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& directory, double wait_seconds) : lock_(directory / "run.lock") {
  const std::filesystem::path path = directory / "run.lock";
  const Stopwatch waited;
  for (bool said = false;; said = true) {
    const FileLock::Attempt attempt = lock_.try_to_take();
    if (attempt == FileLock::Attempt::kTaken) break;
    if (attempt == FileLock::Attempt::kNoLocks) {
      log_warning("{}: this file system cannot lock ({}); a second start of this run would not be noticed", path.string(),
                  std::strerror(errno));
      return;
    }
    const std::string holder = read_holder(lock_.fd());
    if (waited.seconds() >= wait_seconds)
      throw usage_error(
          "{}: in use by {} (waited {:.3g} s); wait for its end, or stop it (SIGUSR1 saves first), or choose another name or run_dir",
          directory.string(), holder, wait_seconds);
    if (!said) log_info("{}: in use by {}; waiting up to {:.3g} s for it to end", directory.string(), holder, wait_seconds);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  write_holder(lock_.fd(), path);
}

}  // namespace sluice::recipes
