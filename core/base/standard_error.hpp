// Standard error, where mistakes and warnings go.
#pragma once

#include <string_view>

namespace sluice {

/// Any thread, also while the process ends. Writes all of it at once, past every buffer. What cannot be written (a full device, a reader
/// that is gone or has not read for a second) is lost: there is no other place to tell it, and the exit code says it too.
void write_standard_error(std::string_view text) noexcept;

}  // namespace sluice
