#include "recipes/stages/threads.hpp"

#include <ATen/Parallel.h>
#include <sched.h>

#include <algorithm>
#include <cstdlib>
#include <unistd.h>

namespace sluice::recipes {

int use_threads(std::int64_t wanted, int local_ranks) {
  int threads = static_cast<int>(wanted);
  if (threads <= 0) {
    const char* variable = std::getenv("OMP_NUM_THREADS");
    threads = variable != nullptr ? std::atoi(variable) : 0;
  }
  if (threads <= 0) {
    cpu_set_t allowed;
    CPU_ZERO(&allowed);
    const int cores = sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 1;
    // A rank bound to a part of the machine has that part to itself.
    const bool bound = cores < sysconf(_SC_NPROCESSORS_ONLN);
    threads = std::max(1, bound ? cores : cores / std::max(1, local_ranks));
  }
  at::set_num_threads(threads);
  return threads;
}

}  // namespace sluice::recipes
