// Errors that reach the user: one clear line each, with the exit code the command must end with.
// Gives: ExitCode, Error, usage_error(), data_error(), communication_error(), diverged_error(), stopped().
#pragma once

#include <fmt/core.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace sluice {

/// Exit codes of the command (stable contract).
enum class ExitCode : int {
  kDone = 0,
  kUsage = 2,          // bad usage or recipe
  kData = 3,           // bad data or checkpoint
  kCommunication = 4,  // a rank is late, dead or disagrees
  kDiverged = 5,       // NaN, infinite loss, or a conversion that is not what it promised
  kStopped = 75,       // stopped on request, with a checkpoint
};

/// Says what is wrong, where, what was expected and what to do, in one line with the values in it.
class Error : public std::runtime_error {
 public:
  Error(ExitCode code, const std::string& what) : std::runtime_error(what), code_(code) {}
  ExitCode code() const noexcept { return code_; }

 private:
  ExitCode code_;
};

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

}  // namespace sluice
