#include "recipes/stages/threads.hpp"

#include "parallel/comm/usable_processors.hpp"

#include <ATen/Parallel.h>

#include <cstdlib>

namespace sluice::recipes {

int use_threads(std::int64_t wanted, int sharing_ranks) {
  const int processors = static_cast<int>(parallel::usable_processors().count());
  const int threads = parallel::threads_of_rank(wanted, std::getenv("OMP_NUM_THREADS"), processors, sharing_ranks);
  at::set_num_threads(threads);
  return threads;
}

}  // namespace sluice::recipes
