// Sums of small tensors over the ranks of a group.
#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/comm/communicator.hpp"

namespace sluice::parallel {

/// Collective. Replaces the values of a contiguous tensor, int64 or float64, by their sums over the group's ranks, in place. Waits for the
/// device of the tensor, unless this rank is alone in the group. Throws what the operation throws (parallel/comm/communicator.hpp).
void sum_over(Communicator& group, const at::Tensor& values, const OperationLabel& label);

}  // namespace sluice::parallel
