// Sets the number of threads of a rank, so that the ranks of a node share its cores and do not compete for them.
#pragma once

#include <cstdint>

namespace sluice::recipes {

/// Sets the number of threads that LibTorch and OpenMP use in this process, and returns it. It is `wanted` if that is not 0; else
/// OMP_NUM_THREADS; else the processors that this process may run on, divided by the ranks that share them (`sharing_ranks`, from
/// NodePlacement::sharing_ranks), at least 1.
/// Usage error if OMP_NUM_THREADS is out of bounds; data error if the system refuses so many.
int use_threads(std::int64_t wanted, int sharing_ranks);

}  // namespace sluice::recipes
