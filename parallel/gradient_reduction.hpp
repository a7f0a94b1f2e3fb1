// Gradient reduction: adds up the gradients of the ranks that hold the same parameter. Dense parameters are on all ranks, the parameters of
// an expert on the ranks that hold a copy of it. Gradients are already divided by global counts, so that their sum is the result.
#pragma once

#include "core/nn/parameter_set.hpp"
#include "parallel/comm/communicator.hpp"

#include <cstdint>

namespace sluice::parallel {

/// Adds up the flat gradient of the dense parameters over `world` and that of the experts over `replicas`, in place. Both are cut into
/// buckets, which start in the same order on every rank; a few are under way at a time. All ranks of a group get the same bits. Throws what
/// the operations throw (parallel/comm/communicator.hpp).
void reduce_gradients(ParameterSet& parameters, Communicator& world, Communicator& replicas, std::int64_t step);
/// The most bytes of receive buffers that reduce_gradients() needs at a time, if the flat gradients have this many bytes.
std::int64_t reduction_buffer_bytes(std::int64_t dense_bytes, const Communicator& world, std::int64_t expert_bytes,
                                    const Communicator& replicas);

/// The L2 norm of all gradients; call it after reduce_gradients(). `expert_group` holds one copy of all experts, so that each expert counts
/// once: every rank adds up the squares of its own experts, and the sums are added over the group. float64 [] on the device of the
/// gradients; alone in its group a rank does not wait for it.
at::Tensor gradient_norm(ParameterSet& parameters, Communicator& expert_group, std::int64_t step);

}  // namespace sluice::parallel
