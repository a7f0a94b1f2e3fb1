#include "core/base/log.hpp"

#include "core/base/clock.hpp"
#include "core/base/host.hpp"

#include <cstdio>
#include <memory>
#include <mutex>

namespace sluice {
namespace {

struct LogState {
  std::mutex mutex;
  int rank = 0;
  int world_size = 1;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{nullptr, std::fclose};
  std::string footer;
};

LogState& state() {
  static LogState instance;
  return instance;
}

void put(std::FILE* out, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), out);
  std::fflush(out);
}

void put_in_file(LogState& log, std::string_view line) {
  if (log.file) put(log.file.get(), local_time_stamp(wall_seconds()) + " " + std::string(line));
}

}  // namespace

void set_log_rank(int rank, int world_size) {
  std::lock_guard lock(state().mutex);
  state().rank = rank;
  state().world_size = world_size;
}

void set_log_file(const std::string& path) {
  std::lock_guard lock(state().mutex);
  state().file.reset(path.empty() ? nullptr : std::fopen(path.c_str(), "a"));
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
  std::FILE* out = level == LogLevel::kInfo ? stdout : stderr;
  if (log.footer.empty()) {
    put(out, line);
  } else {
    // The line itself takes the footer away: mpirun passes the two streams on in any order, so a warning may overtake.
    put(out, "\r\x1b[K" + line);
    put(stdout, "\r" + log.footer + "\x1b[K");
  }
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
  // Written over in place and cut behind, so that the terminal never shows an empty line in between.
  put(stdout, "\r" + std::string(text) + "\x1b[K");
  log.footer = text;
}

}  // namespace sluice
