// Which processors a rank may use, and how many compute threads it gets if several ranks share the processors of a node. Launchers bind
// ranks in many ways (each to a core, several to a socket, all to the few processors of a container, or not at all), so the processors that
// ranks may use are compared, not only the ranks counted.
#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::parallel {

/// The processors of a node that a process may run on: bit i stands for processor i.
using ProcessorMask = std::bitset<4096>;

/// The processors that this process may run on, as the operating system says; all processors of the machine that are online if it does not
/// say.
ProcessorMask usable_processors();

/// `masks` are those of all ranks of one node. Returns how many ranks may use a processor that rank `self` (an index into masks) may use,
/// `self` included.
int num_sharing(std::span<const ProcessorMask> masks, std::size_t self);

/// Returns the number of compute threads of a rank: `wanted` if it is positive; otherwise what `omp_num_threads`, the value of the variable
/// OMP_NUM_THREADS or null, asks for; otherwise num_processors / num_sharing, at least 1. Usage error (exit 2) as in
/// core/base/omp_threads.hpp.
int threads_of_rank(std::int64_t wanted, const char* omp_num_threads, int num_processors, int num_sharing);

}  // namespace sluice::parallel
