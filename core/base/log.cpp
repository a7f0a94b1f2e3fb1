#include "core/base/log.hpp"

#include <unistd.h>

#include <cstdio>
#include <ctime>
#include <memory>
#include <mutex>

namespace sluice {
namespace {

struct LogState {
  std::mutex mutex;
  int rank = 0;
  int world_size = 1;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> file{nullptr, std::fclose};
};

LogState& state() {
  static LogState instance;
  return instance;
}

std::string host_name() {
  char name[256] = "unknown";
  gethostname(name, sizeof name - 1);
  return name;
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
  std::fwrite(line.data(), 1, line.size(), out);
  std::fflush(out);
  if (log.file) {
    const std::time_t now = std::time(nullptr);
    std::tm parts{};
    localtime_r(&now, &parts);
    char stamp[32];
    std::strftime(stamp, sizeof stamp, "%Y-%m-%d %H:%M:%S ", &parts);
    std::fputs(stamp, log.file.get());
    std::fwrite(line.data(), 1, line.size(), log.file.get());
    std::fflush(log.file.get());
  }
}

}  // namespace sluice
