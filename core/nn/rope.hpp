// Rotary position tables (Su et al. 2021), rotate-half layout: dimension j pairs with j + h/2.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice {

/// cos and sin for positions 0 .. length-1, [length, h/2], grown on demand and shared by all layers of a model.
class RopeTable {
 public:
  RopeTable(double theta, std::int64_t head_dim, at::ScalarType accumulate) : theta_(theta), head_dim_(head_dim), type_(accumulate) {}
  /// Makes the tables cover `positions` positions.
  void reserve(std::int64_t positions);
  const at::Tensor& cos() const { return cos_; }
  const at::Tensor& sin() const { return sin_; }

 private:
  double theta_;
  std::int64_t head_dim_;
  at::ScalarType type_;
  at::Tensor cos_, sin_;
};

}  // namespace sluice
