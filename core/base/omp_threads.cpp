#include "core/base/omp_threads.hpp"

#include "core/base/error.hpp"
#include "core/base/parse_number.hpp"

#include <algorithm>
#include <string_view>
#include <cstdlib>
#include <thread>

namespace sluice {

int threads_asked_for(const char* omp_num_threads) {
  constexpr int kMost = 4096;
  constexpr std::string_view kBlanks = " \t\n\r\f\v";
  std::string_view rest = omp_num_threads == nullptr ? std::string_view() : omp_num_threads;
  if (rest.find_first_not_of(kBlanks) == std::string_view::npos) return 0;
  int first = 0;
  for (bool more = true; more;) {
    const std::size_t comma = rest.find(',');
    std::string_view word = rest.substr(0, comma);
    word.remove_prefix(std::min(word.find_first_not_of(kBlanks), word.size()));
    word = word.substr(0, word.find_last_not_of(kBlanks) + 1);
    const auto threads = parse_number<int>(word);
    if (!threads || *threads < 1 || *threads > kMost)
      throw usage_error("OMP_NUM_THREADS: expected 1 to {} threads, or nothing for a choice of its own, found '{}'", kMost,
                        omp_num_threads);
    if (first == 0) first = *threads;
    more = comma != std::string_view::npos;
    if (more) rest.remove_prefix(comma + 1);
  }
  return first;
}

int threads_to_use() {
  const int wanted = threads_asked_for(std::getenv("OMP_NUM_THREADS"));
  return wanted > 0 ? wanted : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
}

}  // namespace sluice
