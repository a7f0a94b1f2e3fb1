// From tensors to memory of the host, checked, for what is no kernel: the wire, files, values that are read or written one by one. A CPU
// tensor's memory is its own; a tensor on a device is staged, in a copy on the host that is pinned where the device is CUDA's.
//
//   to_host(x)  the tensor's values, to be sent, written or read
//   from_host(x)  room for its values, to be received or read into; give_back() ends it
//   both  to_host, and give_back after what changed the values in place
//
// The memory lives as long as the HostMemory does: hold it until the operation that was started on it is finished, then give back.
// SLUICE_HOST_MEMORY=staged stages CPU tensors too, so that what forgets to give back fails where there is no device.
#pragma once

#include "core/tensor/pointers.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace sluice {

class HostMemory {
 public:
  std::span<std::byte> bytes() const&;
  /// The elements as T, const T to read only. Throws c10::Error unless that is their type.
  template <class T>
  std::span<T> as() const& {
    return {data_of<T>(host_), static_cast<std::size_t>(host_.numel())};
  }
  // Of a temporary they would point to memory that is gone, where it is staged.
  std::span<std::byte> bytes() const&& = delete;
  template <class T>
  std::span<T> as() const&& = delete;
  /// The tensor gets the values that are here; where this is its own memory, that is a write all the same (count_write). Does not wait for a
  /// device.
  void give_back() const;

 private:
  friend HostMemory to_host(const at::Tensor& tensor);
  friend HostMemory from_host(const at::Tensor& tensor);
  explicit HostMemory(const at::Tensor& tensor);
  bool is_staged() const { return !host_.is_same(tensor_); }

  at::Tensor tensor_, host_;
};

/// Waits for a device (an observer of LibTorch's functions sees such a copy as "sluice::to_host"). Throws c10::Error, one line, unless the tensor is there, has values (a meta tensor has none) and they lie one
/// after the other in row-major order. Usage error if SLUICE_HOST_MEMORY is neither own nor staged.
HostMemory to_host(const at::Tensor& tensor);
/// Throws likewise. What it holds before it is written to is the tensor's values or nothing of meaning.
HostMemory from_host(const at::Tensor& tensor);

/// The elements of a tensor of type T, copied. Throws as to_host.
template <class T>
std::vector<T> values_of(const at::Tensor& tensor) {
  const HostMemory memory = to_host(tensor);
  const std::span<const T> values = memory.as<const T>();
  return {values.begin(), values.end()};
}

/// The one element of a CPU tensor, where it lies: no copy, whatever is staged.
template <class T>
T cpu_element(const at::Tensor& tensor) {
  return *data_of<const T>(tensor);
}

}  // namespace sluice
