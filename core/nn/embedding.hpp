// The token embedding. Legend: N tokens, D model width, V vocabulary.
#pragma once

#include "core/nn/parameter.hpp"

namespace sluice {

/// Returns the rows [N, D] of the table [V, D] that int64 `ids` [N] name, in the element type `type` (the model's). Each id must be in [0,
/// V): ATen throws for another. The gradient goes to table.gradient.
at::Tensor embedding(const at::Tensor& ids, Parameter& table, at::ScalarType type);

}  // namespace sluice
