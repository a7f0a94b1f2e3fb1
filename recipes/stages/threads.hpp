// Threads per rank: bounded, so that ranks of one node share its cores instead of fighting for them.
#pragma once

#include <cstdint>

namespace sluice::recipes {

/// Sets LibTorch's and OpenMP's threads of this process and returns their number: `wanted`; else OMP_NUM_THREADS; else the
/// processors this process is bound to, or, unbound, those of the node divided by its ranks (at least 1).
int use_threads(std::int64_t wanted, int local_ranks);

}  // namespace sluice::recipes
