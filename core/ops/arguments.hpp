// What every operation asks of its arguments, whichever form it runs in.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// The arguments of one call. Each check throws c10::Error, one line with operation, argument and values, unless the tensor is there, on
/// the operand's device, its elements lie in memory one after the other in row-major order, and type and shape are as expected. A
/// view with gaps (every second element, a transposed matrix) does not lie like that.
class Arguments {
 public:
  /// `operand` decides where all of them must be. Throws if it is not there.
  Arguments(const char* operation, const at::Tensor& operand);

  /// -1 in a shape: any size.
  void check(const char* name, const at::Tensor& tensor, at::ScalarType type, at::IntArrayRef shape) const;
  /// Elements float32, float64 or bfloat16.
  void check_values(const char* name, const at::Tensor& tensor, at::IntArrayRef shape) const;
  /// What is not there is as it should be, too.
  void check_if_there(const char* name, const at::Tensor& tensor, at::ScalarType type, at::IntArrayRef shape) const {
    if (tensor.defined()) check(name, tensor, type, shape);
  }

 private:
  const char* operation_;
  at::Device device_;
};

}  // namespace sluice::ops
