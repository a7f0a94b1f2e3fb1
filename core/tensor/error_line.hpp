// What an exception says to a user: one line, without LibTorch's backtrace.
#pragma once

#include "core/base/error.hpp"

#include <exception>

namespace sluice {

/// `error` itself if it is an Error; else a data error (exit 3) with its first line. Memory or a thread that cannot be had is said as
/// such, with what to do; a file's trouble as its path and the system's reason.
Error as_error(const std::exception& error);

}  // namespace sluice
