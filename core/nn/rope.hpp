// Tables of rotary positions (RoPE, Su et al. 2021) in the rotate-half order: dimension j of a head forms a pair with j + h/2, h being the
// head width.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice {

/// cos and sin of the angles of positions 0 .. length-1, [length, h/2] each. They grow on demand and are shared by all layers of a model.
class RopeTable {
 public:
  /// `theta` is the base of the frequencies. `options` are the accumulation type and the device of the tables.
  RopeTable(double theta, std::int64_t head_dim, const at::TensorOptions& options)
      : theta_(theta), head_dim_(head_dim), options_(options) {}
  /// Makes the tables cover at least positions 0 .. positions-1. To be called before cos() and sin() are read.
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
