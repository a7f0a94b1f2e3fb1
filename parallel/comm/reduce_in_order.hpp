// The arithmetic of reductions: each element is combined in rank order. The result therefore has the same bits on every rank, whatever the
// order of arrival and however the buffer was cut.
#pragma once

#include "parallel/comm/communicator.hpp"

#include <span>

namespace sluice::parallel {

/// out[i] = sources[0][i] op sources[1][i] op ..., from left to right, for i in [0, count). `out` may be one of the sources. Sums of
/// integers wrap around; minimum and maximum give NaN if any source has a NaN. Usage error as check_reducible().
void reduce_in_order(void* out, std::span<const void* const> sources, std::size_t count, DType type, ReduceOp op);

/// Usage error (exit 2) unless `type` is kFloat32, kFloat64 or kInt64.
void check_reducible(DType type);

}  // namespace sluice::parallel
