// Properties of a CUDA device. A build for CUDA replaces no_cuda_device.cpp by a source file of its own.
#pragma once

#include <c10/core/Device.h>

namespace sluice {

/// The major number of the compute capability of a CUDA device; 0 in a build without CUDA.
int cuda_compute_capability(at::Device device);

}  // namespace sluice
