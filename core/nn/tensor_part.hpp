// A view of a range of a tensor's elements.
#pragma once

#include "core/nn/element_range.hpp"
#include "core/tensor/tensor.hpp"

namespace sluice {

/// Returns a flat view of the elements `range` of a contiguous tensor. An empty range may lie outside the tensor.
inline at::Tensor part(const at::Tensor& tensor, const ElementRange& range) {
  return tensor.view({-1}).narrow(0, range.count() == 0 ? 0 : range.begin, range.count());
}

}  // namespace sluice
