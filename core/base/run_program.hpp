// Another program of this machine, run to its end.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace sluice {

struct ProgramResult {
  int code = 0;        // its exit code; 128 and the signal's number if a signal ended it
  std::string output;  // standard output
};

/// Runs `words` (the program, looked for in PATH, and its arguments; no shell reads them) with nothing on standard input and its standard
/// error left out. Nothing if there is no such program. Throws std::system_error if the system refuses.
std::optional<ProgramResult> run_program(const std::vector<std::string>& words);

}  // namespace sluice
