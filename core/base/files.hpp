// Small file helpers that fail with the path and the system's reason.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace sluice {

/// Returns the content of the file. Throws a data error (exit 3) if it cannot be read; the error is a CannotLook
/// (core/base/cannot_look.hpp) if the reason is not the file itself: too many open files, missing permission, too little memory.
std::string read_file(const std::filesystem::path& path);

/// Writes the bytes to an open file, in as many pieces as the system takes, also after interruptions by signals. Returns how many were
/// written: if fewer than all, errno has the reason. Safe in signal handlers.
std::size_t write_all(int fd, std::string_view bytes) noexcept;

/// Writes a temporary file beside `path`, flushes it to disk and renames it to `path`, so that readers see either the old or the new
/// content, never a mixture. Throws a data error (exit 3) if any of these steps fails; the temporary file is then removed.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Removes the temporary files that write_file_atomically() left beside `path` because its process was killed. No process may be
/// writing `path` meanwhile. A file that cannot be removed stays, without an error.
void remove_unfinished_writes(const std::filesystem::path& path);

/// Flushes `directory` to disk, so that files created, renamed or removed in it stay so after a power failure. Throws a data error
/// (exit 3) if that fails; a file system that cannot flush directories is no error.
void sync_directory(const std::filesystem::path& directory);

/// A file mapped read-only into memory, unmapped by the destructor. Throws the same errors as read_file(). An empty file has
/// size 0 and a null data().
class MappedFile {
 public:
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  const std::byte* data() const { return data_; }
  std::size_t size() const { return size_; }
  std::string_view view() const { return {reinterpret_cast<const char*>(data_), size_}; }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace sluice
