// How the samples of a step are divided among ranks and micro-batches. Pure arithmetic; the content of a sample never depends on it.
#pragma once

#include "parallel/plan/mesh.hpp"

#include <vector>

namespace sluice::parallel {

/// Cuts [0, total) into `count` contiguous parts whose sizes differ by at most one (the first are longer) and returns part `index`.
/// For work that need not divide evenly (evaluation, files). A part may be empty; its rank must still enter every collective operation.
IndexRange shard_of(long long total, int count, int index);

/// Cuts `samples` into the fewest micro-batches of at most `micro_batch_size` samples, as even as possible. No samples give one empty
/// micro-batch, so that each rank enters every collective operation. The number of micro-batches depends on samples.count and
/// micro_batch_size only. Usage error (exit 2) if micro_batch_size is below 1.
std::vector<IndexRange> micro_batches(IndexRange samples, long long micro_batch_size);

}  // namespace sluice::parallel
