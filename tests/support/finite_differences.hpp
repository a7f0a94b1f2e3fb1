// Checks gradients against central differences, in float64.
#pragma once

#include "core/tensor/tensor.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>

namespace sluice::testing {

/// The largest difference between an element of `gradient` and the central difference (step `eps`) of `loss` by the same element of
/// `values`, divided by the largest element of the gradient. `values` must be contiguous; its elements are changed in place and put back.
inline double gradient_error(const at::Tensor& values, const at::Tensor& gradient, const std::function<double()>& loss, double eps = 1e-6) {
  const at::Tensor flat = values.detach().view({-1}), expected = gradient.detach().reshape({-1});
  const double largest = expected.abs().max().item<double>();
  double worst = 0.0;
  for (std::int64_t i = 0; i < flat.numel(); ++i) {
    double& value = flat.mutable_data_ptr<double>()[i];
    const double before = value;
    value = before + eps;
    const double up = loss();
    value = before - eps;
    const double down = loss();
    value = before;
    worst = std::max(worst, std::abs((up - down) / (2 * eps) - expected.const_data_ptr<double>()[i]));
  }
  return worst / largest;
}

}  // namespace sluice::testing
