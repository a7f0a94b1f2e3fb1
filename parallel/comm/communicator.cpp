#include "parallel/comm/communicator.hpp"

#include "core/base/log.hpp"

namespace sluice::parallel {

void Handle::finish_quietly() noexcept {
  try {
    finish();
  } catch (const std::exception& error) {
    // Another error is usually on its way already; this one must not hide it.
    log_error("an operation that nobody finished failed: {}", error.what());
  }
}

}  // namespace sluice::parallel
