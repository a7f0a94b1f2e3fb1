#include "recipes/run/run_lock.hpp"

#include "core/base/clock.hpp"
#include "core/base/error.hpp"
#include "core/base/host.hpp"
#include "core/base/log.hpp"
#include "recipes/run/json_row.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
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

/// Whether `path` still leads to the open file (somebody may have removed the run meanwhile).
bool is_same_file(int fd, const std::filesystem::path& path) {
  struct stat opened{};
  struct stat named{};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

int open_lock_file(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) throw data_error("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  return fd;
}

}  // namespace

RunLock::RunLock(const std::filesystem::path& directory, double wait_seconds) {
  const std::filesystem::path path = directory / "run.lock";
  const Stopwatch waited;
  bool said = false;
  for (fd_ = open_lock_file(path);;) {
    if (flock(fd_, LOCK_EX | LOCK_NB) == 0) {
      if (is_same_file(fd_, path)) break;
      close(fd_);
      fd_ = open_lock_file(path);
      continue;
    }
    const int reason = errno;
    if (reason == EINTR) continue;
    if (reason != EWOULDBLOCK) {
      close(fd_);
      fd_ = -1;
      log_warning("{}: this file system cannot lock ({}); a second start of this run would not be noticed", path.string(),
                  std::strerror(reason));
      return;
    }
    const std::string holder = read_holder(fd_);
    if (waited.seconds() >= wait_seconds) {
      close(fd_);
      throw usage_error(
          "{}: in use by {} (waited {:.3g} s); wait for its end, or stop it (SIGUSR1 saves first), or choose another name or run_dir",
          directory.string(), holder, wait_seconds);
    }
    if (!said) log_info("{}: in use by {}; waiting up to {:.3g} s for it to end", directory.string(), holder, wait_seconds);
    said = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  write_holder(fd_, path);
}

RunLock::~RunLock() {
  if (fd_ >= 0) close(fd_);
}

}  // namespace sluice::recipes
