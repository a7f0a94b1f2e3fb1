// How the samples of a step are cut over ranks and micro-batches. Pure; what a sample is never depends on the cut.
#pragma once

#include "parallel/plan/mesh.hpp"

#include <vector>

namespace sluice::parallel {

/// Part `index` of `count` contiguous parts of [0, total) whose sizes differ by at most one (the first are longer).
/// For work that need not divide evenly (evaluation, files): parts may be empty, their owners take part all the same.
IndexRange shard_of(long long total, int count, int index);

/// The samples of a step, counted from its first, that `rank` computes. Each rank has the same number.
/// Usage error if it does not fit: `global_batch_size(32) is not a multiple of 3 ranks`.
IndexRange samples_of_rank(long long global_batch_size, int num_ranks, int rank);

/// Cuts `samples` into the fewest micro-batches of at most `micro_batch_size`, as even as possible; at least one
/// (an empty one for no samples), so that each rank enters every collective. The number depends on samples.count only.
std::vector<IndexRange> micro_batches(IndexRange samples, long long micro_batch_size);

}  // namespace sluice::parallel
