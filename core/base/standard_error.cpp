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
      // The reader of the pipe made it non-blocking, which affects its writers too: wait until there is room.
      pollfd room{STDERR_FILENO, POLLOUT, 0};
      if (poll(&room, 1, 1000) == 0) return;
    } else if (done == 0 || errno != EINTR) {
      return;
    }
  }
}

}  // namespace sluice
