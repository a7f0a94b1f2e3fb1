// Copies integers between the host and tensors on any device.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <vector>

namespace sluice {

/// Returns the elements of a contiguous int64 tensor on any device but meta; throws c10::Error for other tensors. The host waits for a
/// device other than the CPU. Every call, also one for a CPU tensor, is recorded as "sluice::integers_of" for observers of LibTorch's
/// functions (at::RecordFunction), so that a test can find the places where a step would wait.
std::vector<std::int64_t> integers_of(const at::Tensor& integers);

/// Returns an int64 tensor with these elements, of that shape, on the device. Does not wait for the device.
at::Tensor integers_on(at::Device device, const std::vector<std::int64_t>& integers, at::IntArrayRef shape);
at::Tensor integers_on(at::Device device, const std::vector<std::int64_t>& integers);

}  // namespace sluice
