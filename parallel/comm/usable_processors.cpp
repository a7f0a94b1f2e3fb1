#include "parallel/comm/usable_processors.hpp"

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

}  // namespace sluice::parallel
