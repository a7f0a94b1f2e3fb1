// Turns any exception into an error that is one line for the user, without LibTorch's backtrace.
#pragma once

#include "core/base/error.hpp"

#include <exception>

namespace sluice {

/// Returns a copy of `error` if it is an Error. Any other exception becomes a data error (exit 3) with its first line. Three kinds get a
/// text of their own: an error of a file (its path and the system's reason), too little memory and a thread that cannot be started (each
/// with what to do).
Error as_error(const std::exception& error);

}  // namespace sluice
