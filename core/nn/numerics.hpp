// Optional transforms of a product's operands, for quantisation-aware training. The products of attention, feed-forwards, experts and the
// head have such a slot each; the router's have none. Outside tests nothing fills it yet.
#pragma once

#include "core/tensor/tensor.hpp"

#include <functional>

namespace sluice {

/// Differentiable functions that are applied before the product. An empty function changes nothing.
struct Numerics {
  std::function<at::Tensor(const at::Tensor&)> weight;  // of the weight
  std::function<at::Tensor(const at::Tensor&)> input;   // of the rows

  bool empty() const { return !weight && !input; }
};

}  // namespace sluice
