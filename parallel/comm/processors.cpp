#include "parallel/comm/processors.hpp"

#include "core/base/omp_threads.hpp"

#include <sched.h>
#include <unistd.h>

#include <algorithm>

namespace sluice::parallel {

ProcessorMask usable_processors() {
  ProcessorMask mask;
  // Larger than cpu_set_t: the kernel refuses a set that is smaller than its own.
  cpu_set_t* set = CPU_ALLOC(mask.size());
  const std::size_t bytes = CPU_ALLOC_SIZE(mask.size());
  if (set != nullptr && sched_getaffinity(0, bytes, set) == 0) {
    for (std::size_t i = 0; i < mask.size(); ++i) mask[i] = CPU_ISSET_S(i, bytes, set);
  } else {
    const long online = std::max(1L, sysconf(_SC_NPROCESSORS_ONLN));
    for (std::size_t i = 0; i < std::min(mask.size(), static_cast<std::size_t>(online)); ++i) mask.set(i);
  }
  if (set != nullptr) CPU_FREE(set);
  return mask;
}

int num_sharing(std::span<const ProcessorMask> masks, std::size_t self) {
  int number = 1;
  for (std::size_t rank = 0; rank < masks.size(); ++rank) number += rank != self && (masks[rank] & masks[self]).any();
  return number;
}

int threads_of_rank(std::int64_t wanted, const char* omp_num_threads, int num_processors, int num_sharing) {
  if (wanted > 0) return static_cast<int>(wanted);
  if (const int threads = threads_asked_for(omp_num_threads); threads > 0) return threads;
  return std::max(1, num_processors / std::max(1, num_sharing));
}

}  // namespace sluice::parallel
