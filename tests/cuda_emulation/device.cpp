// core/ops/cuda/device.cpp of the emulation, which has no streams. at::_grouped_mm works on the CPU too.
#include "core/ops/cuda/device.hpp"

namespace sluice::ops {

bool has_grouped_products() { return true; }

bool zeroes_empty_groups() { return false; }

kernels::cuda::Stream current_stream() { return nullptr; }

}  // namespace sluice::ops
