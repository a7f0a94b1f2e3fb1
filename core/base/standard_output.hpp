// Standard output, where a command prints its results. The first write that fails is remembered and nothing more is written; at its end
// the command says so (finish_standard_output). There are two kinds of commands:
//   results (the default)   What is printed is what the user asked for. A failed write ends in one line that names the cause, and exit 3.
//                           A reader that closed the pipe (`| head`) is no failure: normally SIGPIPE ends the process; if that signal is
//                           ignored, the command ends without a message and with exit 141, which a shell shows for SIGPIPE.
//   optional                A training run, whose messages are in log.txt too, goes on without standard output.
// Gives: write_standard_output(), standard_output_error(), StandardOutputError, require_standard_output(),
// make_standard_output_optional(), finish_standard_output().
#pragma once

#include "core/base/error.hpp"

#include <string>
#include <string_view>

namespace sluice {

/// 128 + SIGPIPE: what a shell shows for a program that SIGPIPE ended.
inline constexpr int kClosedPipeCode = 141;

/// Writes the whole text at once; writes nothing if an earlier write failed. May be called on any thread.
void write_standard_output(std::string_view text);

/// Returns the errno value of the first write that failed, 0 if none failed.
int standard_output_error();

/// Returns that reason as text: "standard output: No space left on device", "standard output: closed".
std::string standard_output_problem();

/// Thrown to end a command early because standard output cannot be written. It has exit code 3, or 141 if the reader closed the pipe.
/// Whoever catches it prints nothing: finish_standard_output() does.
class StandardOutputError : public Error {
 public:
  StandardOutputError();
};

/// Throws StandardOutputError if a write has failed. For commands with long results, which would otherwise go on computing for nobody.
void require_standard_output();

/// Makes this an "optional" command (see above): a closed pipe no longer ends the process, and finish_standard_output() leaves the exit
/// code as it is.
void make_standard_output_optional();

/// Call it at the end of a command that would exit with `code`. It flushes the buffers of stdout and, if something could not be written,
/// prints the reason on standard error. Returns the exit code to end with: `code`, or 3 or 141 (see above) if `code` is 0.
int finish_standard_output(int code);

}  // namespace sluice
