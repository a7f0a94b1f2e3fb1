#include "launch/process_start.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <exception>
#include <new>

namespace sluice {
namespace {

// Without memory for a message of its own making.
void say(const char* text) {
  if (write(STDERR_FILENO, text, std::strlen(text)) < 0) return;
}

// Where nobody can catch: while a library is loaded, or in a thread of its own.
[[noreturn]] void end_in_one_line() {
  say("error: ");
  try {
    if (const auto current = std::current_exception()) std::rethrow_exception(current);
    say("ended without a reason");
  } catch (const std::bad_alloc&) {
    say("not enough memory (a limit: ulimit -v?)");
  } catch (const std::exception& error) {
    say(error.what());
  } catch (...) {
    say("ended by something that is no error");
  }
  say("\n");
  _exit(3);
}

}  // namespace

void start_process() {
  std::set_terminate(end_in_one_line);
  // The lowest free number is given each time, so that after the first one above 2 none of them is free.
  int opened = 0;
  do opened = open("/dev/null", O_RDWR);
  while (opened >= 0 && opened <= STDERR_FILENO);
  if (opened >= 0) close(opened);
  std::signal(SIGXFSZ, SIG_IGN);
}

}  // namespace sluice
