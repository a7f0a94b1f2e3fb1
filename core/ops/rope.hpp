// Rotary position embedding (Su et al. 2021), rotate-half layout: within a head of width h, element j pairs with j + h/2.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

struct RopeTables {
  at::Tensor cos, sin;  // [positions, h/2] of position * theta^(-2j/h)
};
/// Computed in float64 and rounded to the type of `options`, float32 or float64. Usage error (exit 2) if head_dim is odd.
RopeTables rope_tables(double theta, std::int64_t head_dim, std::int64_t positions, const at::TensorOptions& options);

/// Rotates the heads of x [N, heads * h] in place, row n by the angle of positions[n] (int64 [N]), an index into the tables, which are in
/// the accumulation type; `inverse` rotates back, which is the backward pass.
void rope_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions, bool inverse);

}  // namespace sluice::ops
