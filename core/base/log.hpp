// What a process says: rank 0 speaks, other ranks only when something is wrong, with rank and host.
// The rank is set once after start-up (set_log_rank); before that the process counts as rank 0 of 1.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class LogLevel { kInfo, kWarning, kError };

/// Tells the log which rank this process is; from then on ranks other than 0 print warnings and errors only.
void set_log_rank(int rank, int world_size);

/// Copies every printed line (with a time stamp) to `path` too; rank 0 only. An empty path closes the file. One that cannot be opened or
/// written to is warned of once; so is a standard output that breaks while there is such a file.
void set_log_file(const std::string& path);

/// Writes one stamped line to the log file only; nothing without a file.
void log_to_file(std::string_view text);

/// A line kept below everything printed, without a line end (a progress bar): log_line clears it, prints and shows it again.
/// Only for a terminal, and shorter than that is wide. Empty removes it.
void set_log_footer(std::string_view text);

/// Prints one line: information to standard output, warnings and errors to standard error.
void log_line(LogLevel level, std::string_view text);

template <class... Args>
void log_info(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kInfo, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kWarning, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> text, Args&&... args) {
  log_line(LogLevel::kError, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace sluice
