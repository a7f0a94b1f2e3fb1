// What the CUDA forms of operations (core/ops/cuda.hpp) need to know of the current device.
#pragma once

#include "core/kernels/cuda/stream.hpp"

namespace sluice::ops {

/// Whether at::_grouped_mm multiplies groups of bfloat16 rows by a kernel of its own on the current device (compute capability 9 and 10);
/// elsewhere it waits for the counts and loops.
bool has_grouped_products();

/// Whether such a product writes zeros where a group of the sum has no rows.
bool zeroes_empty_groups();

/// The stream of LibTorch on which work of this thread starts.
kernels::cuda::Stream current_stream();

}  // namespace sluice::ops
