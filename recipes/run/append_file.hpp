// A file that only grows: each append is one write to the system, so that a reader sees whole records
// and a killed process loses at most the one it was writing. What sync() returned for survives a power loss too.
#pragma once

#include <filesystem>
#include <string_view>

namespace sluice::recipes {

class AppendFile {
 public:
  /// Opens or makes `path`. Data error (exit 3) if that is not possible.
  explicit AppendFile(const std::filesystem::path& path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Data error (exit 3) with the system's reason, no space left included.
  void append(std::string_view bytes);

  /// Waits until the disk has all of it, and its name. Data error (exit 3) with the system's reason.
  void sync();

  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  bool name_is_durable_ = false;
};

}  // namespace sluice::recipes
