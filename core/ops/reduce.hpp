// Sums and checks of a whole contiguous tensor of any shape, float32 or float64. The CPU kernels add in an order that depends on the
// number of elements only; the composed forms use ATen's sum, whose order may also depend on the number of threads.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Returns the sum of the squares, computed in float64, as a 0-d float64 tensor on the device of the values. It is 0 if there are no
/// values.
at::Tensor square_sum(const at::Tensor& values);
/// square_sum() as a number. Waits for the device.
double sum_of_squares(const at::Tensor& values);

/// Returns whether no element is NaN or infinite, as a 0-d bool tensor on the device of the values. It is true if there are no values.
at::Tensor finite(const at::Tensor& values);
/// finite() as a bool. Waits for the device.
bool all_finite(const at::Tensor& values);

}  // namespace sluice::ops
