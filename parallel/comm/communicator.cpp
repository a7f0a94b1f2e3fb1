#include "parallel/comm/communicator.hpp"

#include "core/base/log.hpp"

namespace sluice::parallel {

void Handle::finish_quietly() noexcept {
  try {
    finish();
  } catch (const std::exception& error) {
    // Usually another exception is being thrown already, and must not be replaced by this one.
    log_error("an operation that nobody finished failed: {}", error.what());
  }
}

}  // namespace sluice::parallel
