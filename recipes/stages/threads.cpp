#include "recipes/stages/threads.hpp"

#include "core/base/error.hpp"
#include "parallel/comm/processors.hpp"

#include <ATen/Parallel.h>

#include <cstdlib>
#include <latch>
#include <system_error>
#include <thread>
#include <vector>

namespace sluice::recipes {
namespace {

// Data error if the system does not allow `count` threads. Without this check the OpenMP runtime would end the process later, without a
// word about the reason, when it cannot start its threads.
void require_threads(int count) {
  std::latch tried(1);
  std::vector<std::thread> threads;
  std::error_code refused;
  try {
    while (static_cast<int>(threads.size()) < count - 1) threads.emplace_back([&] { tried.wait(); });
  } catch (const std::system_error& error) {
    refused = error.code();
  }
  tried.count_down();
  for (std::thread& thread : threads) thread.join();
  if (refused)
    throw data_error(
        "only {} of {} threads can be started: {}; raise the limits on processes and memory (ulimit -u, ulimit -v), or use fewer "
        "threads (parallel.threads, OMP_NUM_THREADS)",
        threads.size() + 1, count, refused.message());
}

}  // namespace

int use_threads(std::int64_t wanted, int sharing_ranks) {
  const int processors = static_cast<int>(parallel::usable_processors().count());
  const int threads = parallel::threads_of_rank(wanted, std::getenv("OMP_NUM_THREADS"), processors, sharing_ranks);
  require_threads(threads);
  at::set_num_threads(threads);
  return threads;
}

}  // namespace sluice::recipes
