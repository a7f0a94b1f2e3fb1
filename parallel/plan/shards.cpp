#include "parallel/plan/shards.hpp"

#include "core/base/error.hpp"
#include "core/base/integers.hpp"

#include <algorithm>

namespace sluice::parallel {

IndexRange shard_of(long long total, int count, int index) {
  const long long each = total / count;
  const long long longer = total % count;
  return {index * each + std::min<long long>(index, longer), each + (index < longer ? 1 : 0)};
}

std::vector<IndexRange> micro_batches(IndexRange samples, long long micro_batch_size) {
  if (micro_batch_size < 1) throw usage_error("micro_batch_size({}) must be at least 1", micro_batch_size);
  const long long number = std::max<long long>(1, ceil_div(samples.count, micro_batch_size));
  std::vector<IndexRange> cuts;
  for (long long i = 0; i < number; ++i) {
    IndexRange part = shard_of(samples.count, static_cast<int>(number), static_cast<int>(i));
    part.first += samples.first;
    cuts.push_back(part);
  }
  return cuts;
}

}  // namespace sluice::parallel
