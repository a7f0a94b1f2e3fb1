// Rotary position tables (Su et al. 2021), rotate-half order: dimension j pairs with j + h/2.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice {

/// cos and sin for positions 0 .. length-1, [length, h/2], grown on demand and shared by all layers of a model.
class RopeTable {
 public:
  /// options: of the tables, in the accumulation type.
  RopeTable(double theta, std::int64_t head_dim, const at::TensorOptions& options)
      : theta_(theta), head_dim_(head_dim), options_(options) {}
  /// Makes the tables cover `positions` positions.
  void reserve(std::int64_t positions);
  const at::Tensor& cos() const { return cos_; }
  const at::Tensor& sin() const { return sin_; }

 private:
  double theta_;
  std::int64_t head_dim_;
  at::TensorOptions options_;
  at::Tensor cos_, sin_;
};

}  // namespace sluice
