// How ranks share the processors of a node. Launchers bind ranks in many ways (to a core each, several to a socket, all to a
// container's few processors of a big machine, not at all), so it is the masks that are compared, not numbers of ranks.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::parallel {

/// Processors of a node that a process may run on.
using ProcessorMask = std::bitset<4096>;

/// Of the ranks of one node, how many may run on a processor that rank `self` may run on; itself included.
int num_sharing(std::span<const ProcessorMask> masks, std::size_t self);

/// Compute threads of a rank: `wanted`; else OMP_NUM_THREADS (its text, or null); else an equal share of its processors, at least 1.
/// Usage error if OMP_NUM_THREADS is out of bounds.
int threads_of_rank(std::int64_t wanted, const char* omp_num_threads, int num_processors, int num_sharing);

}  // namespace sluice::parallel
