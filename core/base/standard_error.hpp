// Standard error, where errors and warnings are printed.
#pragma once

#include <string_view>

namespace sluice {

/// Writes the text to standard error at once, without a buffer. May be called on any thread, also while the process ends. Text that cannot
/// be written (full device, reader gone, or a pipe that stays full for a second) is lost without an error: the exit code still tells that
/// something went wrong.
void write_standard_error(std::string_view text) noexcept;

}  // namespace sluice
