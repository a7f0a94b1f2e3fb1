// The checks that every operation makes of its arguments, whichever form (backend.hpp) runs it.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Checks the arguments of one call. A check throws c10::Error (one line with operation, argument and values) unless the tensor is defined,
/// is on the operand's device, is contiguous, and has the expected type and shape. A view with gaps (every second element, a transposed
/// matrix) is not contiguous.
class Arguments {
 public:
  /// All arguments must be on the device of `operand`. Throws c10::Error if that is undefined.
  Arguments(const char* operation, const at::Tensor& operand);

  /// In `shape`, -1 stands for any size.
  void check(const char* name, const at::Tensor& tensor, at::ScalarType type, at::IntArrayRef shape) const;
  /// As check(), for a tensor of type float32, float64 or bfloat16.
  void check_values(const char* name, const at::Tensor& tensor, at::IntArrayRef shape) const;
  /// As check(), for an optional argument: an undefined tensor passes.
  void check_if_there(const char* name, const at::Tensor& tensor, at::ScalarType type, at::IntArrayRef shape) const {
    if (tensor.defined()) check(name, tensor, type, shape);
  }

 private:
  const char* operation_;
  at::Device device_;
};

}  // namespace sluice::ops
