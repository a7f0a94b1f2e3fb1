// Integers of a device on the host.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <vector>

namespace sluice {

/// The elements of a contiguous int64 tensor on any device but meta. The host waits for a device that is not the CPU: where a step does that, it is
/// by this name that an observer of functions (at::RecordFunction) sees it, on the CPU too: "sluice::integers_of".
std::vector<std::int64_t> integers_of(const at::Tensor& integers);

}  // namespace sluice
