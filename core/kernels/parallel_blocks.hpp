// How kernels use threads: work is cut into blocks whose bounds depend on sizes only, and each block is computed by one
// thread in a fixed order, so that results never depend on the number of threads.
#pragma once

#include "core/base/integers.hpp"

#include <algorithm>
#include <cstdint>

namespace sluice::kernels {

/// Elements of a block: enough work to be worth waking threads for, and small enough for the caches.
constexpr std::int64_t kBlockElements = 16384;

/// How many rows of `width` elements make a block; at least 1.
inline std::int64_t rows_per_block(std::int64_t width) {
  return std::max<std::int64_t>(1, kBlockElements / std::max<std::int64_t>(1, width));
}

/// Cuts [0, count) into blocks of `block` items (the last may be shorter) and calls body(begin, end) for each, on all threads if there is
/// more than one block. The body must not throw.
template <class Body>
void parallel_blocks(std::int64_t count, std::int64_t block, const Body& body) {
  const std::int64_t blocks = ceil_div(count, block);
#pragma omp parallel for schedule(static) if (blocks > 1)
  for (std::int64_t b = 0; b < blocks; ++b) body(b * block, std::min(count, (b + 1) * block));
}

}  // namespace sluice::kernels
