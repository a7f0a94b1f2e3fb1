// Checked access to the raw memory of CPU tensors, for kernels: data_of(). All other code uses core/tensor/host_memory.hpp, which also
// works for devices.
// SLUICE_DISPATCH(type, lambda) calls the lambda with two types defined for element type `type`: T, in which values are stored, and A, in
// which they are accumulated. They are float/float, double/double or BFloat16/float; any other type throws c10::Error.
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
template <>
inline constexpr at::ScalarType kScalarTypeOf<bool> = at::kBool;

/// Throws c10::Error (one line) unless the tensor is defined, has memory (a meta tensor has none) and is contiguous: its elements lie one
/// after the other in row-major order. A view with gaps (every second element, a transposed matrix) is not; contiguous() makes a copy that
/// is.
void require_contiguous(const at::Tensor& tensor);
/// Checks the same, and that the tensor is on the CPU and has element type `type`.
void require_contiguous_on_cpu(const at::Tensor& tensor, at::ScalarType type);

/// Call it when the memory of the tensor is written through a pointer. It raises the version (Tensor::_version) with which LibTorch counts
/// its own writes, and which all views of the same memory share.
void count_write(const at::Tensor& tensor);

/// A pointer to the first element of a contiguous CPU tensor of element type T. With const T the kernel may only read; without, the call
/// counts as a write. Throws what require_contiguous_on_cpu() throws.
template <class T>
T* data_of(const at::Tensor& tensor) {
  static_assert(kScalarTypeOf<std::remove_const_t<T>> != at::ScalarType::Undefined, "no tensor holds elements of this type");
  require_contiguous_on_cpu(tensor, kScalarTypeOf<std::remove_const_t<T>>);
  if constexpr (!std::is_const_v<T>) count_write(tensor);
  return static_cast<T*>(tensor.data_ptr());
}

/// data_of(), or null if the tensor is undefined: for optional arguments of kernels.
template <class T>
T* data_or_null(const at::Tensor& tensor) {
  return tensor.defined() ? data_of<T>(tensor) : nullptr;
}

/// A pointer to the first element of a contiguous tensor of element type T on whatever device, null if the tensor is undefined: for kernels
/// of that device. With const T the kernel may only read; without, the call counts as a write. Throws c10::Error for another element type,
/// or if the tensor has no memory or is not contiguous.
template <class T>
T* device_data(const at::Tensor& tensor) {
  if (!tensor.defined()) return nullptr;
  require_contiguous(tensor);
  TORCH_CHECK(tensor.scalar_type() == kScalarTypeOf<std::remove_const_t<T>>, "raw access to elements of type ", tensor.scalar_type(),
              " as another; this is a defect of Sluice");
  if constexpr (!std::is_const_v<T>) count_write(tensor);
  return static_cast<T*>(tensor.data_ptr());
}

}  // namespace sluice

#define SLUICE_DISPATCH(scalar_type, ...)                                      \
  [&] {                                                                        \
    switch (scalar_type) {                                                     \
      case at::kFloat: {                                                       \
        using T [[maybe_unused]] = float;                                      \
        using A [[maybe_unused]] = float;                                      \
        return __VA_ARGS__();                                                  \
      }                                                                        \
      case at::kDouble: {                                                      \
        using T [[maybe_unused]] = double;                                     \
        using A [[maybe_unused]] = double;                                     \
        return __VA_ARGS__();                                                  \
      }                                                                        \
      case at::kBFloat16: {                                                    \
        using T [[maybe_unused]] = ::sluice::kernels::BFloat16;                \
        using A [[maybe_unused]] = float;                                      \
        return __VA_ARGS__();                                                  \
      }                                                                        \
      default: TORCH_CHECK(false, "no kernel for element type ", scalar_type); \
    }                                                                          \
  }()
