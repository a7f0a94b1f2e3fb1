// Token embedding: ids [N] -> rows [N, D] of the table [V, D].
#pragma once

#include "core/nn/parameter.hpp"

namespace sluice {

/// `ids` int64 [N], each in [0, V). Result in `type` (the model's element type).
at::Tensor embedding(const at::Tensor& ids, Parameter& table, at::ScalarType type);

}  // namespace sluice
