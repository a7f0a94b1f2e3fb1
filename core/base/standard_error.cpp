#include "core/base/standard_error.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace sluice {

void write_standard_error(std::string_view text) noexcept {
  while (!text.empty()) {
    const ssize_t done = write(STDERR_FILENO, text.data(), text.size());
    if (done > 0) {
      text.remove_prefix(static_cast<std::size_t>(done));
    } else if (done < 0 && errno == EAGAIN) {
      // A pipe that whoever reads it made non-blocking for its writers too.
      pollfd room{STDERR_FILENO, POLLOUT, 0};
      if (poll(&room, 1, 1000) == 0) return;
    } else if (done == 0 || errno != EINTR) {
      return;
    }
  }
}

}  // namespace sluice
