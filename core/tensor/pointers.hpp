// From tensors to the raw pointers that kernels take. SLUICE_DISPATCH runs a block with T (storage) and A (accumulation)
// bound to the element types of a tensor: float/float, double/double, BFloat16/float.
#pragma once

#include "core/kernels/bfloat16.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sluice {

template <class T>
T* data_of(const at::Tensor& tensor) {
  return static_cast<T*>(tensor.data_ptr());
}

}  // namespace sluice

#define SLUICE_DISPATCH(scalar_type, ...)                                                                  \
  [&] {                                                                                                    \
    switch (scalar_type) {                                                                                 \
      case at::kFloat: { using T [[maybe_unused]] = float; using A [[maybe_unused]] = float; return __VA_ARGS__(); }        \
      case at::kDouble: { using T [[maybe_unused]] = double; using A [[maybe_unused]] = double; return __VA_ARGS__(); }     \
      case at::kBFloat16: { using T [[maybe_unused]] = ::sluice::kernels::BFloat16; using A [[maybe_unused]] = float; return __VA_ARGS__(); } \
      default: TORCH_CHECK(false, "no kernel for element type ", scalar_type);                             \
    }                                                                                                      \
  }()
