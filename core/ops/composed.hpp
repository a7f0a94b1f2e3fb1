// Helpers that several composed forms (backend.hpp) share.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Returns the rows x[index] [R, D] of x [S, D] for index int64 [R], whose values are in [0, S). It uses gather because the meta device has
/// no index_select.
inline at::Tensor rows_at(const at::Tensor& x, const at::Tensor& index) {
  return x.gather(0, index.unsqueeze(1).expand({index.size(0), x.size(1)}));
}

}  // namespace sluice::ops
