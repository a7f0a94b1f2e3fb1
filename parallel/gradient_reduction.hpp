// Gradient reduction: sums over the ranks that hold the same parameter. Gradients are already divided by global counts, so
// a sum is all there is: dense parameters over the world, experts over the ranks that hold a copy.
#pragma once

#include "core/nn/parameter_set.hpp"
#include "parallel/comm/communicator.hpp"

#include <cstdint>

namespace sluice::parallel {

/// Sums both flat gradients, in buckets that start in the same order on every rank, a few under way at a time; the result is the same
/// on all ranks of each group.
void reduce_gradients(ParameterSet& parameters, Communicator& world, Communicator& replicas, std::int64_t step);
/// Bytes of buffers that it receives into, at most, for flat gradients of so many bytes.
std::int64_t reduction_buffer_bytes(std::int64_t dense_bytes, const Communicator& world, std::int64_t expert_bytes,
                                    const Communicator& replicas);

/// L2 norm of all gradients after reduction, each expert counted once: local experts' squares are summed over `expert_group`.
double gradient_norm(ParameterSet& parameters, Communicator& expert_group, std::int64_t step);

}  // namespace sluice::parallel
