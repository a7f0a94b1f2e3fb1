#pragma once

#include "core/ops/adamw.hpp"

namespace sluice::testing {

/// Update with gradients multiplied by `scale`; or, with `changes` false, change nothing.
inline ops::AdamwControl update_by(double scale, bool changes = true) {
  at::Tensor control = at::empty({2}, at::kDouble);
  control[0] = scale;
  control[1] = changes ? 1.0 : 0.0;
  return control;
}

}  // namespace sluice::testing
