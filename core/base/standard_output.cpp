#include "core/base/standard_output.hpp"

#include "core/base/standard_error.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

namespace sluice {
namespace {

std::atomic<int> first_error{0};
std::atomic<bool> optional{false};

void note(int error) {
  int none = 0;
  first_error.compare_exchange_strong(none, error);
}

}  // namespace

void write_standard_output(std::string_view text) {
  if (first_error != 0) return;
  if (std::fflush(stdout) != 0) note(errno);  // text of libraries that print by themselves
  while (!text.empty() && first_error == 0) {
    const ssize_t done = write(STDOUT_FILENO, text.data(), text.size());
    if (done >= 0) {
      text.remove_prefix(static_cast<std::size_t>(done));
    } else if (errno == EAGAIN) {
      // The reader of the pipe made it non-blocking, which affects its writers too: wait until there is room.
      pollfd room{STDOUT_FILENO, POLLOUT, 0};
      poll(&room, 1, -1);
    } else if (errno != EINTR) {
      note(errno);
    }
  }
}

int standard_output_error() { return first_error; }

std::string standard_output_problem() {
  // If standard output was closed at the start, the process has it open for reading only, and writing gives EBADF.
  return fmt::format("standard output: {}", first_error == EBADF ? "closed" : std::strerror(first_error));
}

StandardOutputError::StandardOutputError()
    : Error(first_error == EPIPE ? static_cast<ExitCode>(kClosedPipeCode) : ExitCode::kData, standard_output_problem()) {}

void require_standard_output() {
  if (first_error != 0) throw StandardOutputError();
}

void make_standard_output_optional() {
  optional = true;
  std::signal(SIGPIPE, SIG_IGN);
}

int finish_standard_output(int code) {
  if (std::fflush(stdout) != 0) note(errno);
  // Some file systems (NFS, quotas) report only at a close that the bytes did not fit.
  if (const int copy = dup(STDOUT_FILENO); copy >= 0 && close(copy) != 0) note(errno);
  if (first_error == 0 || optional) return code;
  if (first_error == EPIPE) return code == 0 ? kClosedPipeCode : code;
  write_standard_error("error: " + standard_output_problem() + "\n");
  return code == 0 ? static_cast<int>(ExitCode::kData) : code;
}

}  // namespace sluice
