#include "recipes/run/stop_signal.hpp"

#include "tests/support/catch.hpp"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>

using namespace sluice::recipes;

namespace {

bool stop_requested() { return *stop_signal_name() != '\0'; }

/// Runs `body` in a process of its own (handlers are per process) and returns how it ended: its exit code, or minus the signal.
template <class Body>
int ended(const Body& body) {
  const pid_t child = fork();
  if (child == 0) {
    // The test runner catches these to report them.
    for (const int number : {SIGUSR1, SIGTERM, SIGHUP, SIGINT}) signal(number, SIG_DFL);
    _exit(body());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

int after(bool with_interrupt, std::initializer_list<int> signals, const char* name) {
  return ended([&] {
    install_stop_signals(with_interrupt);
    if (stop_requested()) return 1;
    for (const int number : signals) raise(number);
    return std::strcmp(stop_signal_name(), name) == 0 ? 75 : 2;
  });
}

}  // namespace

TEST_CASE("the first signal is a request that is noted") {
  CHECK(after(false, {SIGUSR1}, "SIGUSR1") == 75);
  CHECK(after(false, {SIGTERM}, "SIGTERM") == 75);
  CHECK(after(false, {SIGHUP}, "SIGHUP") == 75);
  CHECK(after(true, {SIGINT}, "SIGINT") == 75);
  CHECK(after(true, {SIGUSR1, SIGTERM, SIGINT}, "SIGUSR1") == 75);
}

TEST_CASE("a request that comes twice is one request") {
  CHECK(after(false, {SIGUSR1, SIGUSR1, SIGUSR1}, "SIGUSR1") == 75);
  CHECK(after(false, {SIGTERM, SIGTERM}, "SIGTERM") == 75);
  CHECK(after(false, {SIGHUP, SIGTERM, SIGHUP, SIGTERM}, "SIGHUP") == 75);
  CHECK(after(true, {SIGINT, SIGINT, SIGTERM, SIGTERM}, "SIGINT") == 75);
}

TEST_CASE("a second signal of a kind, later, ends the process; SIGUSR1 never does") {
  const auto later = [](int number) {
    return ended([&] {
      install_stop_signals(true);
      raise(number);
      usleep(1100000);
      raise(number);
      return 75;
    });
  };
  CHECK(later(SIGTERM) == -SIGTERM);
  CHECK(later(SIGHUP) == -SIGHUP);
  CHECK(later(SIGINT) == -SIGINT);
  CHECK(later(SIGUSR1) == 75);
}

TEST_CASE("an interrupt is the launcher's under mpirun; it and a hang-up stay ignored where they were") {
  CHECK(after(false, {SIGINT}, "") == -SIGINT);
  for (const int number : {SIGINT, SIGHUP})
    CHECK(ended([&] {
            signal(number, SIG_IGN);
            install_stop_signals(true);
            raise(number);
            return stop_requested() ? 1 : 0;
          }) == 0);
}

TEST_CASE("signals that whoever started the process has blocked get through") {
  for (const int number : {SIGUSR1, SIGTERM, SIGHUP, SIGINT})
    CHECK(ended([&] {
            sigset_t all;
            sigfillset(&all);
            sigprocmask(SIG_BLOCK, &all, nullptr);
            install_stop_signals(true);
            raise(number);
            return stop_requested() ? 75 : 1;
          }) == 75);
}

TEST_CASE("a signal does not break a blocking read") {
  CHECK(ended([] {
          install_stop_signals(true);
          int pipes[2];
          if (pipe(pipes) != 0) return 1;
          const pid_t parent = getpid();
          const pid_t child = fork();
          if (child == 0) {
            usleep(50000);
            kill(parent, SIGUSR1);
            usleep(50000);
            _exit(write(pipes[1], "x", 1) == 1 ? 0 : 1);
          }
          char byte = 0;
          const bool got = read(pipes[0], &byte, 1) == 1;
          waitpid(child, nullptr, 0);
          return got && stop_requested() ? 0 : 2;
        }) == 0);
}
