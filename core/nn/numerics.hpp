// The numerics slot of a product with a weight: optional transforms of the weight and of the input before the product
// (quantisation-aware training fills it). Both are differentiable tensor functions.
#pragma once

#include "core/tensor/tensor.hpp"

#include <functional>

namespace sluice {

struct Numerics {
  std::function<at::Tensor(const at::Tensor&)> weight;
  std::function<at::Tensor(const at::Tensor&)> input;

  bool empty() const { return !weight && !input; }
};

}  // namespace sluice
