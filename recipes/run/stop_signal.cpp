#include "recipes/run/stop_signal.hpp"

#include <atomic>
#include <csignal>

namespace sluice::recipes {
namespace {

std::atomic<int> first_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void note_stop_signal(int number) {
  int none = 0;
  first_signal.compare_exchange_strong(none, number);
}

void install(int number) {
  struct sigaction action{};
  action.sa_handler = note_stop_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART | SA_RESETHAND;
  sigaction(number, &action, nullptr);
}

}  // namespace

void install_stop_signals(bool with_interrupt) {
  install(SIGUSR1);
  install(SIGTERM);
  struct sigaction current{};
  if (with_interrupt && sigaction(SIGINT, nullptr, &current) == 0 && current.sa_handler != SIG_IGN) install(SIGINT);
}

bool stop_requested() {
  return first_signal.load(std::memory_order_relaxed) != 0;
}

const char* stop_signal_name() {
  switch (first_signal.load(std::memory_order_relaxed)) {
    case SIGUSR1:
      return "SIGUSR1";
    case SIGTERM:
      return "SIGTERM";
    case SIGINT:
      return "SIGINT";
    default:
      return "";
  }
}

}  // namespace sluice::recipes
