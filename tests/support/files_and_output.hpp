// For tests: temporary directories, and capturing what a piece of code prints.
#pragma once

#include "core/base/files.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::testing {

/// An empty directory, removed with everything in it when this object is destroyed.
class TemporaryDirectory {
 public:
  TemporaryDirectory() {
    std::string pattern = (std::filesystem::temp_directory_path() / "sluice_run_XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryDirectory() { std::filesystem::remove_all(path_); }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::filesystem::path& path, std::string_view text) { std::ofstream(path, std::ios::binary) << text; }

/// The bytes that `run` writes to standard output (`descriptor` 1) or error (2).
template <class Run>
std::string captured(int descriptor, const Run& run) {
  const TemporaryDirectory folder;
  const std::filesystem::path path = folder.path() / "captured";
  std::fflush(nullptr);
  const int before = dup(descriptor);
  const int file = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  dup2(file, descriptor);
  close(file);
  run();
  std::fflush(nullptr);
  dup2(before, descriptor);
  close(before);
  return read_file(path);
}

/// What a terminal shows after these bytes: understands line feed, carriage return and "erase to the end of the line".
inline std::vector<std::string> screen_after(std::string_view bytes) {
  std::vector<std::string> lines(1);
  std::size_t column = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\n') {
      lines.emplace_back();
      column = 0;
    } else if (bytes[i] == '\r') {
      column = 0;
    } else if (bytes.substr(i, 3) == "\x1b[K") {
      lines.back().resize(column);
      i += 2;
    } else {
      if (column >= lines.back().size()) lines.back().resize(column + 1);
      lines.back()[column++] = bytes[i];
    }
  }
  return lines;
}

/// The message of the error that `run` throws; "" if there is none.
template <class ErrorType, class Run>
std::string message_of(const Run& run) {
  try {
    run();
  } catch (const ErrorType& error) {
    return error.what();
  }
  return "";
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace sluice::testing
