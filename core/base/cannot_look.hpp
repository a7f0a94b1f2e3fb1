// Files that cannot be looked at, which says nothing of what is in them: too many are open, memory is short, access is denied.
#pragma once

#include "core/base/error.hpp"

namespace sluice {

/// Who takes a file's errors for damage of the file lets this one pass.
class CannotLook : public Error {
 public:
  using Error::Error;
};

/// Throws a data error with `text`: CannotLook if `reason` (an errno) is such a one.
[[noreturn]] void fail_to_read(int reason, const std::string& text);

}  // namespace sluice
