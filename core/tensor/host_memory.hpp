// Access to the values of a tensor in memory of the host, for everything that is not a kernel: messages, files, single values. A CPU
// tensor is accessed in its own memory. A tensor on another device is staged: it gets a copy on the host (pinned for a CUDA device).
//
//   to read the values (send, write to a file)         to_host(x)
//   to replace all values (receive, read from a file)  from_host(x), write them, then give_back()
//   to change values in place                          to_host(x), change them, then give_back()
//
// The memory lives as long as the HostMemory: keep it until the operation that uses it is finished, then call give_back().
// With the environment variable SLUICE_HOST_MEMORY=staged, CPU tensors are staged too, so that code that forgets give_back() fails on a
// machine without a device.
#pragma once

#include "core/tensor/pointers.hpp"

#include <cstddef>
#include <span>
#include <vector>

namespace sluice {

/// The memory of one tensor on the host; made by to_host() or from_host().
class HostMemory {
 public:
  std::span<std::byte> bytes() const&;
  /// The elements as values of type T; const T if they are only read. Throws c10::Error if the tensor has another element type.
  template <class T>
  std::span<T> as() const& {
    return {data_of<T>(host_), static_cast<std::size_t>(host_.numel())};
  }
  // Not for temporaries: staged memory would be gone when the span is used.
  std::span<std::byte> bytes() const&& = delete;
  template <class T>
  std::span<T> as() const&& = delete;
  /// Gives the tensor the values that are in this memory. If it is the tensor's own memory, only the write is counted (count_write in
  /// pointers.hpp). Does not wait for a device.
  void give_back() const;

 private:
  friend HostMemory to_host(const at::Tensor& tensor);
  friend HostMemory from_host(const at::Tensor& tensor);
  explicit HostMemory(const at::Tensor& tensor);
  bool is_staged() const { return !host_.is_same(tensor_); }

  at::Tensor tensor_, host_;
};

/// Whether reading values of a tensor on this device makes the host wait. With SLUICE_HOST_MEMORY=staged the CPU counts as one too.
bool is_far(at::Device device);

/// Memory with the values of the tensor. Waits for the device of a staged tensor; that copy is recorded as "sluice::to_host" for observers
/// of LibTorch's functions. Throws c10::Error (one line) if the tensor is undefined, on the meta device, or not contiguous. Usage error
/// (exit 2) if SLUICE_HOST_MEMORY is set to anything but own or staged.
HostMemory to_host(const at::Tensor& tensor);
/// Memory to write new values of the tensor into; what it holds before is undefined. Throws the same errors as to_host().
HostMemory from_host(const at::Tensor& tensor);

/// Returns a copy of the elements of a tensor, whose element type must be T. Throws the same errors as to_host() and as().
template <class T>
std::vector<T> values_of(const at::Tensor& tensor) {
  const HostMemory memory = to_host(tensor);
  const std::span<const T> values = memory.as<const T>();
  return {values.begin(), values.end()};
}

/// Reads the first element of a CPU tensor from its own memory, also when SLUICE_HOST_MEMORY=staged.
template <class T>
T cpu_element(const at::Tensor& tensor) {
  return *data_of<const T>(tensor);
}

}  // namespace sluice
