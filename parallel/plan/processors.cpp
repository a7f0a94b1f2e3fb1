#include "parallel/plan/processors.hpp"

#include "core/base/omp_threads.hpp"

#include <algorithm>

namespace sluice::parallel {

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
