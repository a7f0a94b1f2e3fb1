// Small file helpers that fail with the path and the system's reason.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

namespace sluice {

/// The whole file. Data error (exit 3) if it cannot be read; CannotLook (core/base/cannot_look.hpp) where the
/// reason is not in the file.
std::string read_file(const std::filesystem::path& path);

/// Writes to a neighbour, flushes it to disk and renames it over `path`: readers see the old or the new file.
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Removes what write_file_atomically() left beside `path` where it was killed. Nobody may be writing `path`.
void remove_unfinished_writes(const std::filesystem::path& path);

/// Makes the directory entry changes inside `directory` durable.
void sync_directory(const std::filesystem::path& directory);

/// A file mapped read-only; unmapped when destroyed. Movable. Errors as read_file()'s.
class MappedFile {
 public:
  MappedFile() = default;
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
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
