#include "core/base/cannot_look.hpp"

#include <cerrno>

namespace sluice {

void fail_to_read(int reason, const std::string& text) {
  const bool cannot = reason == EMFILE || reason == ENFILE || reason == ENOMEM || reason == EACCES || reason == EPERM;
  if (cannot) throw CannotLook(ExitCode::kData, text);
  throw Error(ExitCode::kData, text);
}

}  // namespace sluice
