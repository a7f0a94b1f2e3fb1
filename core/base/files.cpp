#include "core/base/files.hpp"

#include "core/base/cannot_look.hpp"
#include "core/base/error.hpp"
#include "core/base/file_kind.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

namespace sluice {
namespace {

constexpr std::string_view kUnfinished = ".tmp";  // and the writer's process id

}  // namespace

std::string read_file(const std::filesystem::path& path) {
  require_no_dangling_link(path);
  std::ifstream in(path, std::ios::binary);
  if (!in) fail_to_read(errno, fmt::format("{}: cannot be read: {}", path.string(), std::strerror(errno)));
  std::ostringstream out;
  out << in.rdbuf();
  if (in.bad()) throw data_error("{}: reading failed: {}", path.string(), std::strerror(errno));
  return std::move(out).str();
}

std::size_t write_all(int fd, std::string_view bytes) noexcept {
  std::size_t written = 0;
  // A write that stops half-way (ulimit -f) gives its reason only when the rest is written.
  while (written < bytes.size()) {
    const ssize_t done = write(fd, bytes.data() + written, bytes.size() - written);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) break;
    written += static_cast<std::size_t>(done);
  }
  return written;
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  const std::string temporary = path.string() + std::string(kUnfinished) + std::to_string(getpid());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) throw data_error("{}: cannot be written: {}", temporary, std::strerror(errno));
  const auto give_up = [&](const char* what) {
    const int reason = errno;
    close(fd);
    unlink(temporary.c_str());
    return data_error("{}: {} failed: {}", path.string(), what, std::strerror(reason));
  };
  if (write_all(fd, content) < content.size()) throw give_up("writing");
  if (fsync(fd) != 0) throw give_up("flushing");
  close(fd);
  if (rename(temporary.c_str(), path.c_str()) != 0) {
    const int reason = errno;
    unlink(temporary.c_str());
    throw data_error("{}: cannot be replaced: {}", path.string(), std::strerror(reason));
  }
  sync_directory(path.has_parent_path() ? path.parent_path() : std::filesystem::path("."));
}

void remove_unfinished_writes(const std::filesystem::path& path) {
  const std::string start = path.filename().string() + std::string(kUnfinished);
  std::vector<std::filesystem::path> found;
  std::error_code failed;
  const std::filesystem::path folder = path.has_parent_path() ? path.parent_path() : ".";
  for (std::filesystem::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
    const std::string name = it->path().filename().string();
    const bool numbered = name.size() > start.size() && name.find_first_not_of("0123456789", start.size()) == name.npos;
    if (numbered && name.starts_with(start)) found.push_back(it->path());
  }
  for (const std::filesystem::path& leftover : found) std::filesystem::remove(leftover, failed);
}

void sync_directory(const std::filesystem::path& directory) {
  const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) throw data_error("{}: cannot be opened: {}", directory.string(), std::strerror(errno));
  const int result = fsync(fd);
  const int reason = errno;
  close(fd);
  // Some network file systems refuse to sync directories; the rename itself is then all there is.
  if (result != 0 && reason != EINVAL && reason != EROFS)
    throw data_error("{}: flushing the directory failed: {}", directory.string(), std::strerror(reason));
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  require_no_dangling_link(path);
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail_to_read(errno, fmt::format("{}: cannot be opened: {}", path.string(), std::strerror(errno)));
  struct stat info {};
  if (fstat(fd, &info) != 0) {
    const int reason = errno;
    close(fd);
    throw data_error("{}: cannot be read: {}", path.string(), std::strerror(reason));
  }
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ > 0) {
    void* address = mmap(nullptr, size_, PROT_READ, MAP_SHARED, fd, 0);
    if (address == MAP_FAILED) {
      const int reason = errno;
      close(fd);
      fail_to_read(reason, fmt::format("{}: cannot be mapped ({} bytes): {}", path.string(), size_, std::strerror(reason)));
    }
    data_ = static_cast<const std::byte*>(address);
  }
  close(fd);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) munmap(const_cast<std::byte*>(data_), size_);
}

}  // namespace sluice
