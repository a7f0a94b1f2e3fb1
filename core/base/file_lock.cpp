#include "core/base/file_lock.hpp"

#include "core/base/error.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sluice {
namespace {

int open_lock_file(const std::filesystem::path& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) throw data_error("{}: cannot be opened: {}", path.string(), std::strerror(errno));
  return fd;
}

bool is_same_file(int fd, const std::filesystem::path& path) {
  struct stat opened {};
  struct stat named {};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

}  // namespace

FileLock::FileLock(std::filesystem::path path) : path_(std::move(path)), fd_(open_lock_file(path_)) {}

FileLock::~FileLock() {
  if (fd_ >= 0) close(fd_);
}

FileLock::Attempt FileLock::try_to_take() {
  for (;;) {
    if (flock(fd_, LOCK_EX | LOCK_NB) == 0) {
      if (is_same_file(fd_, path_)) return Attempt::kTaken;
      close(std::exchange(fd_, -1));
      fd_ = open_lock_file(path_);
    } else if (errno != EINTR) {
      return errno == EWOULDBLOCK ? Attempt::kBusy : Attempt::kNoLocks;
    }
  }
}

}  // namespace sluice
