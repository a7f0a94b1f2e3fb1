// Tells a file that cannot be opened for an outside reason (too many open files, too little memory, no permission) from a file that is
// damaged.
#pragma once

#include "core/base/error.hpp"

namespace sluice {

/// A data error that says nothing about the content of the file. Code that treats a file's errors as damage of the file must rethrow it.
class CannotLook : public Error {
 public:
  using Error::Error;
};

/// Throws a data error (exit 3) with this text. It is a CannotLook if `reason`, an errno value, is EMFILE, ENFILE, ENOMEM, EACCES or EPERM.
[[noreturn]] void fail_to_read(int reason, const std::string& text);

}  // namespace sluice
