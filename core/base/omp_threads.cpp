#include "core/base/omp_threads.hpp"

#include "core/base/error.hpp"

#include <cstdlib>

namespace sluice {

int threads_asked_for(const char* omp_num_threads) {
  constexpr long kMost = 4096;
  if (omp_num_threads == nullptr) return 0;
  // A number past the largest long is that one.
  const long threads = std::strtol(omp_num_threads, nullptr, 10);
  if (threads > kMost) throw usage_error("OMP_NUM_THREADS: expected at most {} threads, found '{}'", kMost, omp_num_threads);
  return threads > 0 ? static_cast<int>(threads) : 0;
}

}  // namespace sluice
