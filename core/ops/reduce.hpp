// Sums and checks of a whole tensor, contiguous and of any shape, float32 or float64. The order of a sum depends on the number of elements
// only.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// The sum of the squares, all in float64, as a 0-d float64 tensor where the values are; 0 of none.
at::Tensor square_sum(const at::Tensor& values);
/// The same as a number. Waits for a device.
double sum_of_squares(const at::Tensor& values);

/// Whether no element is NaN or infinite, as a 0-d bool tensor where the values are; true of none.
at::Tensor finite(const at::Tensor& values);
/// The same as a value. Waits for a device.
bool all_finite(const at::Tensor& values);

}  // namespace sluice::ops
