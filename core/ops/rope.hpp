// Rotary position embedding (Su et al. 2021), rotate-half order: within a head of width h, element j pairs with j + h/2.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

struct RopeTables {
  at::Tensor cos, sin;  // [positions, h/2]: entry [p, j] is the cosine (sine) of p * theta^(-2j/h)
};
/// The tables for heads of width h = head_dim, computed in float64 and rounded to the type of `options`, float32 or float64. Usage error
/// (exit 2) if head_dim is odd.
RopeTables rope_tables(double theta, std::int64_t head_dim, std::int64_t positions, const at::TensorOptions& options);

/// Rotates the heads of x [N, heads * h] in place: row n by the angles in row positions[n] of the tables. positions is int64 [N]; the
/// tables are in the accumulation type (core/tensor/dtype_map.hpp) of x. `inverse` rotates back, which is the backward pass.
void rope_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions, bool inverse);

}  // namespace sluice::ops
