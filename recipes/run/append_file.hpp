// A file that only grows. Each append is one write to the system, so a reader sees whole records, and a killed process loses at most the
// one it was writing. What was appended before a sync() that returned also survives a power loss.
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

  /// Data error (exit 3) with the system's reason if it cannot be written, for example because no space is left.
  void append(std::string_view bytes);

  /// Waits until the file's content and its name in the folder are on the disk. Data error (exit 3) with the system's reason if that fails.
  void sync();

 private:
  std::filesystem::path path_;
  int fd_ = -1;
  bool name_is_durable_ = false;
};

}  // namespace sluice::recipes
