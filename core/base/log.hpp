// Messages of a process. Rank 0 prints all of them; other ranks print warnings and errors only, with their rank and host in front.
// The rank is set once after start-up (set_log_rank); before that the process counts as rank 0 of 1. Every function may be called on any
// thread.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace sluice {

enum class LogLevel { kInfo, kWarning, kError };

/// Tells the log which rank this process is; from then on ranks other than 0 print warnings and errors only.
void set_log_rank(int rank, int world_size);

/// From now on every printed line is also appended, with a time stamp, to the file `path`. An empty path closes the file. Call it on rank 0
/// only. If the file cannot be opened or written, one warning says so and the log goes on without it. If standard output breaks while there
/// is a log file, one warning says so too.
void set_log_file(const std::string& path);

/// Writes one line, with a time stamp, to the log file only. Does nothing if there is no log file.
void log_to_file(std::string_view text);

/// Shows `text` (a progress bar) below everything printed, without a line end; log_line() removes it, prints its line and shows it again.
/// An empty text removes it for good. Use it only if standard output is a terminal, with a text shorter than the terminal is wide.
void set_log_footer(std::string_view text);

/// Prints one line: information to standard output (rank 0 only), warnings and errors to standard error. The text has no line end.
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
