// What several composed forms are made of.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Rows x[index] of x [S, D] for index [R], each in [0, S): index_select would be shorter, but the meta device has none.
inline at::Tensor rows_at(const at::Tensor& x, const at::Tensor& index) {
  return x.gather(0, index.unsqueeze(1).expand({index.size(0), x.size(1)}));
}

}  // namespace sluice::ops
