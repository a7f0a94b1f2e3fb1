// What is asked of a CUDA device. A build for CUDA has a source file of its own in the place of no_cuda_device.cpp.
#pragma once

#include <c10/core/Device.h>

namespace sluice {

/// The major number of a CUDA device's compute capability.
int cuda_compute_capability(at::Device device);

}  // namespace sluice
