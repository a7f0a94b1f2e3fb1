// From tensors to raw memory, checked: data_of for kernels. All others ask for the memory of the host (core/tensor/host_memory.hpp).
// SLUICE_DISPATCH runs a block with T (storage) and A (accumulation) bound to the element types of a tensor: float/float,
// double/double, BFloat16/float.
#pragma once

#include "core/kernels/bfloat16.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <type_traits>

namespace sluice {

template <class T>
inline constexpr at::ScalarType kScalarTypeOf = at::ScalarType::Undefined;
template <>
inline constexpr at::ScalarType kScalarTypeOf<float> = at::kFloat;
template <>
inline constexpr at::ScalarType kScalarTypeOf<double> = at::kDouble;
template <>
inline constexpr at::ScalarType kScalarTypeOf<kernels::BFloat16> = at::kBFloat16;
template <>
inline constexpr at::ScalarType kScalarTypeOf<std::int32_t> = at::kInt;
template <>
inline constexpr at::ScalarType kScalarTypeOf<std::int64_t> = at::kLong;

/// Throws c10::Error, one line, unless the tensor is there, has memory, and its elements lie there one after the other in row-major
/// order. A view with gaps (every second element, a transposed matrix) is not like that: contiguous() makes a copy that is.
void require_contiguous(const at::Tensor& tensor);
/// The same, and it is on the CPU, of element type `type`.
void require_contiguous_on_cpu(const at::Tensor& tensor, at::ScalarType type);

/// Memory of the tensor is written through a pointer: counts as LibTorch counts its own writes (Tensor::_version), in which it and all
/// views of the same memory have part.
void count_write(const at::Tensor& tensor);

/// The first element of a tensor that a kernel is to read or write as T, const T to read only. Throws as those. A pointer to write through
/// is counted as a write.
template <class T>
T* data_of(const at::Tensor& tensor) {
  static_assert(kScalarTypeOf<std::remove_const_t<T>> != at::ScalarType::Undefined, "no tensor holds elements of this type");
  require_contiguous_on_cpu(tensor, kScalarTypeOf<std::remove_const_t<T>>);
  if constexpr (!std::is_const_v<T>) count_write(tensor);
  return static_cast<T*>(tensor.data_ptr());
}

/// The same, or null where there is no tensor: an argument that a kernel may do without.
template <class T>
T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? data_of<T>(tensor) : nullptr;
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
