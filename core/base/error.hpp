// Errors that reach the user: one clear line each, with the exit code the command must end with.
// Gives: ExitCode, Error, usage_error(), data_error(), communication_error(), diverged_error(),
// memory_error().
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

/// Exit codes of the command. Scripts rely on them: they do not change.
enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,          // bad usage or recipe
  kData = 3,           // bad data or checkpoint
  kCommunication = 4,  // a rank is late, dead or disagrees
  kDiverged = 5,       // a NaN, an infinite loss, or a conversion that is less exact than it promised
  kOutOfMemory = 6,    // of the machine or of a device
  kStopped = 75,       // stopped on request, with a checkpoint
};

/// An exception whose text, one line, tells the user what is wrong, where, what was expected and what to do, with the values.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& what) : std::runtime_error(what), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

// These functions format a text and return the Error with the exit code of their name; the caller throws it.
template <class... Args>
Error usage_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ExitCode::kUsage, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error data_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ExitCode::kData, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error communication_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ExitCode::kCommunication, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error diverged_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ExitCode::kDiverged, fmt::format(text, std::forward<Args>(args)...));
}
template <class... Args>
Error memory_error(fmt::format_string<Args...> text, Args&&... args) {
  return Error(ExitCode::kOutOfMemory, fmt::format(text, std::forward<Args>(args)...));
}

}  // namespace sluice
