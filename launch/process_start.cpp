#include "launch/process_start.hpp"

#include "core/base/error.hpp"
#include "core/base/standard_error.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <exception>
#include <new>

namespace sluice {
namespace {

// Ends the process after an exception that nothing can catch: one thrown while a library is loaded, or in another thread. Allocates no
// memory for the message, since there may be none.
[[noreturn]] void end_in_one_line() {
  write_standard_error("error: ");
  ExitCode code = ExitCode::kData;
  try {
    if (const auto current = std::current_exception()) std::rethrow_exception(current);
    write_standard_error("ended without a reason");
  } catch (const std::bad_alloc&) {
    code = ExitCode::kOutOfMemory;
    write_standard_error("not enough memory; raise the limit on it (ulimit -v), or run on a machine with more");
  } catch (const std::exception& error) {
    write_standard_error(error.what());
  } catch (...) {
    write_standard_error("ended by something that is no error");
  }
  write_standard_error("\n");
  _exit(static_cast<int>(code));
}

}  // namespace

void start_process() {
  std::set_terminate(end_in_one_line);
  // open() returns the lowest free number, which is the one that was found closed.
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (fcntl(descriptor, F_GETFD) >= 0) continue;
    if (open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY) < 0) break;
  }
  std::signal(SIGXFSZ, SIG_IGN);
  if (const char* threads = std::getenv("OMP_NUM_THREADS"); threads != nullptr && *threads == '\0') unsetenv("OMP_NUM_THREADS");
}

}  // namespace sluice
