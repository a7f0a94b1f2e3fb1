// The elements of a tensor that lie in a range.
#pragma once

#include "core/nn/element_range.hpp"
#include "core/tensor/tensor.hpp"

namespace sluice {

/// A flat view of the elements `range` of a contiguous tensor. An empty range may lie outside.
inline at::Tensor part(const at::Tensor& tensor, const ElementRange& range) {
  return tensor.view({-1}).narrow(0, range.count() == 0 ? 0 : range.begin, range.count());
}

}  // namespace sluice
