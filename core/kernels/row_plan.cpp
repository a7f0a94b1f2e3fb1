#include "core/kernels/row_plan.hpp"

#include <algorithm>
#include <vector>

#include "core/base/error.hpp"

namespace sluice::kernels {

// One thread is enough: an entry takes a few nanoseconds, the row that it stands for takes thousands.
std::int64_t expert_slots(const std::int64_t* experts, std::int64_t N, std::int64_t K, std::int64_t E, std::int64_t* counts,
                          std::int64_t* order, std::int64_t* slot) {
  std::fill(counts, counts + E, std::int64_t{0});
  for (std::int64_t i = 0; i < N * K; ++i) {
    if (experts[i] < -1 || experts[i] >= E)
      throw data_error("expert_slots: expert {} of token {} is not in [-1, {})", experts[i], i / K, E);
    if (experts[i] >= 0) ++counts[experts[i]];
  }
  std::vector<std::int64_t> next(static_cast<std::size_t>(E));
  std::int64_t total = 0;
  for (std::int64_t e = 0; e < E; ++e) {
    next[e] = total;
    total += counts[e];
  }
  for (std::int64_t i = 0; i < N * K; ++i) {
    slot[i] = experts[i] < 0 ? -1 : next[experts[i]]++;
    if (slot[i] >= 0) order[slot[i]] = i;
  }
  return total;
}

void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                     std::int64_t K, std::int64_t E, std::int64_t* kept) {
  std::vector<std::int64_t> used(static_cast<std::size_t>(E));
  for (std::int64_t n = 0; n < N; ++n) {
    if (n > 0 && sequence[n] != sequence[n - 1]) std::fill(used.begin(), used.end(), 0);
    for (std::int64_t i = n * K; i < (n + 1) * K; ++i)
      kept[i] = used[static_cast<std::size_t>(experts[i])]++ < capacity[sequence[n]] ? experts[i] : -1;
  }
}

namespace reference {

void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                     std::int64_t K, std::int64_t E, std::int64_t* kept) {
  (void)E;
  for (std::int64_t i = 0; i < N * K; ++i) {
    std::int64_t before = 0;
    for (std::int64_t j = 0; j < i; ++j) before += experts[j] == experts[i] && sequence[j / K] == sequence[i / K];
    kept[i] = before < capacity[sequence[i / K]] ? experts[i] : -1;
  }
}

std::int64_t expert_slots(const std::int64_t* experts, std::int64_t N, std::int64_t K, std::int64_t E, std::int64_t* counts,
                          std::int64_t* order, std::int64_t* slot) {
  std::int64_t position = 0;
  std::fill(slot, slot + N * K, std::int64_t{-1});
  for (std::int64_t e = 0; e < E; ++e) {
    const std::int64_t begin = position;
    for (std::int64_t i = 0; i < N * K; ++i) {
      if (experts[i] != e) continue;
      order[position] = i;
      slot[i] = position++;
    }
    counts[e] = position - begin;
  }
  return position;
}

}  // namespace reference
}  // namespace sluice::kernels
