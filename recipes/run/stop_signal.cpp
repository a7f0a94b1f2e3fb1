#include "recipes/run/stop_signal.hpp"

#include <atomic>
#include <csignal>
#include <ctime>
#include <initializer_list>

namespace sluice::recipes {
namespace {

std::atomic<int> first_signal{0};
std::atomic<long> first_milliseconds[NSIG];  // when each signal first came, on the monotonic clock; 0: never
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<long>::is_always_lock_free,
              "a signal handler may only touch lock-free atomics");

constexpr long kSameMilliseconds = 1000;

void note_stop_signal(int number) {
  int none = 0;
  first_signal.compare_exchange_strong(none, number);
  if (number == SIGUSR1) return;
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  const long milliseconds = now.tv_sec * 1000 + now.tv_nsec / 1000000 + 1;
  long first = 0;
  if (first_milliseconds[number].compare_exchange_strong(first, milliseconds) || milliseconds - first < kSameMilliseconds) return;
  // Raise the signal again with its default action. It is blocked in this handler, so it acts when the handler returns.
  std::signal(number, SIG_DFL);
  std::raise(number);
}

void install(int number) {
  struct sigaction action {};
  action.sa_handler = note_stop_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(number, &action, nullptr);
}

void install_unless_ignored(int number) {
  struct sigaction current {};
  if (sigaction(number, nullptr, &current) == 0 && current.sa_handler != SIG_IGN) install(number);
}

}  // namespace

void install_stop_signals(bool with_interrupt) {
  install(SIGUSR1);
  install(SIGTERM);
  install_unless_ignored(SIGHUP);
  if (with_interrupt) install_unless_ignored(SIGINT);
  // The parent process may have blocked these signals, and a child inherits that.
  sigset_t handled;
  sigemptyset(&handled);
  for (const int number : {SIGUSR1, SIGTERM, SIGHUP, SIGINT}) sigaddset(&handled, number);
  sigprocmask(SIG_UNBLOCK, &handled, nullptr);
}

const char* stop_signal_name() {
  switch (first_signal.load(std::memory_order_relaxed)) {
    case SIGUSR1: return "SIGUSR1";
    case SIGTERM: return "SIGTERM";
    case SIGHUP: return "SIGHUP";
    case SIGINT: return "SIGINT";
    default: return "";
  }
}

}  // namespace sluice::recipes
