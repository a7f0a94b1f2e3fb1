// Gradient reduction: sums over the ranks that hold the same parameter. Gradients are already divided by global counts, so
// a sum is all there is: dense parameters over the world, experts over the ranks that hold a copy.
#pragma once

#include "core/nn/parameter.hpp"
#include "parallel/comm/communicator.hpp"

namespace sluice::parallel {

/// Sums both flat gradients, in buckets; the result is the same on all ranks of each group.
void reduce_gradients(ParameterSet& parameters, Communicator& world, Communicator& replicas, std::int64_t step);

/// L2 norm of all gradients after reduction, each expert counted once: local experts' squares are summed over `expert_group`.
double gradient_norm(ParameterSet& parameters, Communicator& expert_group, std::int64_t step);

}  // namespace sluice::parallel
