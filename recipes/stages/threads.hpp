// Threads per rank: bounded, so that ranks of one node share its cores instead of fighting for them.
#pragma once

#include <cstdint>

namespace sluice::recipes {

/// Sets LibTorch's and OpenMP's threads of this process and returns their number: `wanted`; else OMP_NUM_THREADS; else the
/// processors this process may run on, shared with the ranks that may run there too: NodeLayout::sharing_ranks (at least 1).
/// Usage error if OMP_NUM_THREADS is out of bounds; data error if the system refuses so many.
int use_threads(std::int64_t wanted, int sharing_ranks);

}  // namespace sluice::recipes
