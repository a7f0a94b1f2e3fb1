// The sum of the squares of a tensor on the CPU, in the fixed order of the kernel (core/kernels/reduce.hpp).
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice {

/// Of a contiguous float32 or float64 tensor of any shape; 0 of an empty one.
double sum_of_squares(const at::Tensor& values);

}  // namespace sluice
