// The arithmetic of reductions: element by element, contributions are combined in rank order. The result therefore has the
// same bits on every rank, whatever the order of arrival and however the buffer was cut.
#pragma once

#include "parallel/comm/communicator.hpp"

#include <span>

namespace sluice::parallel {

/// out[i] = sources[0][i] op sources[1][i] op ..., left to right. `out` may be one of the sources.
/// kFloat32, kFloat64, kInt64 (sums wrap); min and max give NaN if any contribution is NaN.
void reduce_in_order(void* out, std::span<const void* const> sources, std::size_t count, DType type, ReduceOp op);

/// Usage error for an element type that reductions do not offer.
void check_reducible(DType type);

}  // namespace sluice::parallel
