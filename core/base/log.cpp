#include "core/base/log.hpp"

#include "core/base/clock.hpp"
#include "core/base/host.hpp"
#include "core/base/standard_error.hpp"
#include "core/base/standard_output.hpp"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>

namespace sluice {
namespace {

struct LogState {
  std::mutex mutex;
  int rank = 0;
  int world_size = 1;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{nullptr, std::fclose};
  std::string path;  // of `file`
  std::string footer;
  bool told = false;  // that standard output broke
};

LogState& state() {
  static LogState instance;
  return instance;
}

bool put(std::FILE* out, std::string_view text) {
  return std::fwrite(text.data(), 1, text.size(), out) == text.size() && std::fflush(out) == 0;
}

void put_in_file(LogState& log, std::string_view line) {
  if (!log.file || put(log.file.get(), local_time_stamp(wall_seconds()) + " " + std::string(line))) return;
  const int reason = errno;
  log.file.reset();
  write_standard_error(fmt::format("warning: {}: writing failed: {}; it ends here\n", log.path, std::strerror(reason)));
}

// Warns once that standard output broke, if a log file still keeps the messages: in that file, and on standard error unless the reader
// of standard output just went away (`| head`).
void tell_broken_output(LogState& log) {
  const int reason = standard_output_error();
  if (reason == 0 || log.told || !log.file) return;
  log.told = true;
  const std::string line = fmt::format("warning: {}; what is said from here on is in {} alone\n", standard_output_problem(), log.path);
  put_in_file(log, line);
  if (reason != EPIPE) write_standard_error(line);
}

void put_on_output(LogState& log, std::string_view text) {
  write_standard_output(text);
  tell_broken_output(log);
}

}  // namespace

void set_log_rank(int rank, int world_size) {
  std::lock_guard lock(state().mutex);
  state().rank = rank;
  state().world_size = world_size;
}

void set_log_file(const std::string& path) {
  std::lock_guard lock(state().mutex);
  LogState& log = state();
  log.file.reset(path.empty() ? nullptr : std::fopen(path.c_str(), "ae"));
  log.path = path;
  if (!path.empty() && !log.file) write_standard_error(fmt::format("warning: {}: cannot be written: {}\n", path, std::strerror(errno)));
  tell_broken_output(log);
}

void log_line(LogLevel level, std::string_view text) {
  LogState& log = state();
  std::lock_guard lock(log.mutex);
  if (level == LogLevel::kInfo && log.rank != 0) return;
  std::string line;
  if (level == LogLevel::kWarning) line += "warning: ";
  if (level == LogLevel::kError) line += "error: ";
  if (log.rank != 0) line += fmt::format("rank {} on {}: ", log.rank, host_name());
  line += text;
  line += '\n';
  // The footer is erased by the line itself, in the same write: mpirun passes standard output and standard error on in any order, so a
  // separate erasing could come after a warning.
  const std::string shown = log.footer.empty() ? line : "\r\x1b[K" + line;
  if (level == LogLevel::kInfo) put_on_output(log, shown);
  else write_standard_error(shown);
  if (!log.footer.empty()) put_on_output(log, "\r" + log.footer + "\x1b[K");
  put_in_file(log, line);
}

void log_to_file(std::string_view text) {
  LogState& log = state();
  std::lock_guard lock(log.mutex);
  put_in_file(log, std::string(text) + '\n');
}

void set_log_footer(std::string_view text) {
  LogState& log = state();
  std::lock_guard lock(log.mutex);
  if (text.empty() && log.footer.empty()) return;
  // The new text overwrites the old one and the rest of the line is erased last, so that the terminal never shows an empty line.
  put_on_output(log, "\r" + std::string(text) + "\x1b[K");
  log.footer = text;
}

}  // namespace sluice
