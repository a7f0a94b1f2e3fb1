// Standard output, where a command's results go: whether all of it arrived is known, and told at the end.
// After a write that failed nothing more is written. What that means is the command's matter:
//   results (the default)   the command has not done what it was asked for: one line that names the cause, exit 3. A reader that has
//                           read enough (`| head`) is no failure: the end is quiet, with the code that a shell shows for a program
//                           ended by SIGPIPE, as most are (this one too, unless whoever started it ignores that signal).
//   optional                a training run: its record is log.txt, it goes on without standard output.
// Gives: write_standard_output(), standard_output_error(), StandardOutputError, require_standard_output(),
// make_standard_output_optional(), finish_standard_output().
#pragma once

#include "core/base/error.hpp"

#include <string>
#include <string_view>

namespace sluice {

/// 128 + SIGPIPE: what a shell shows for a program that SIGPIPE ended.
inline constexpr int kClosedPipeCode = 141;

/// Any thread. Writes all of it at once, or nothing once a write has failed.
void write_standard_output(std::string_view text);

/// The system's reason (errno) of the first write that failed, 0 if none did.
int standard_output_error();

/// "standard output: No space left on device", "standard output: closed"
std::string standard_output_problem();

/// Standard output cannot be written to; finish_standard_output tells it.
class StandardOutputError : public Error {
 public:
  StandardOutputError();
};

/// For long results, which would go on for nothing: StandardOutputError once a write has failed.
void require_standard_output();

/// From now on standard output may break: a closed pipe no longer ends the process, and finish_standard_output leaves the exit code alone.
void make_standard_output_optional();

/// The end of a command with exit code `code`: what other code left in the buffers goes out, and what could not be written is told on
/// standard error. Returns the exit code to end with.
int finish_standard_output(int code);

}  // namespace sluice
