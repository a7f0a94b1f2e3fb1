#include "recipes/run/append_file.hpp"

#include "core/base/error.hpp"
#include "core/base/files.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace sluice::recipes {

AppendFile::AppendFile(const std::filesystem::path& path) : path_(path) {
  fd_ = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0) throw data_error("{}: cannot be written: {}", path.string(), std::strerror(errno));
}

AppendFile::~AppendFile() {
  if (fd_ >= 0) close(fd_);
}

void AppendFile::append(std::string_view bytes) {
  if (write_all(fd_, bytes) < bytes.size()) throw data_error("{}: writing failed: {}", path_.string(), std::strerror(errno));
}

void AppendFile::sync() {
  // Some files cannot be flushed (a pipe, some network file systems); that is no error.
  if (fdatasync(fd_) != 0 && errno != EINVAL && errno != EROFS)
    throw data_error("{}: flushing failed: {}", path_.string(), std::strerror(errno));
  if (name_is_durable_) return;
  sync_directory(path_.has_parent_path() ? path_.parent_path() : std::filesystem::path("."));
  name_is_durable_ = true;
}

}  // namespace sluice::recipes
