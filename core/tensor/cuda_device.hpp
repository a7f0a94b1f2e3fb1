// NVIDIA devices as this process sees them. A build for CUDA has cuda/cuda_device.cpp, one without has no_cuda_device.cpp.
// Gives: CudaDevice, CudaDevices, find_cuda_devices(), CudaLink, find_cuda_links(), use_cuda_device(), DeviceMemory,
// device_memory(), start_device(), wait_for(),
// cuda_compute_capability().
#pragma once

#include <c10/core/Device.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

struct CudaDevice {
  std::string name;          // "NVIDIA H200"
  std::string uuid;          // "GPU-5a3c...", which tells apart all devices there are
  int major = 0, minor = 0;  // compute capability: 9.0
  std::int64_t bytes = 0;    // of its memory

  bool operator==(const CudaDevice&) const = default;
};

struct CudaDevices {
  bool built = false;               // whether this program was built for CUDA
  std::vector<CudaDevice> visible;  // those that this process may use, in CUDA's order
  std::string why_none;             // why there are none, as a clause for a message; "" if there are some
  std::string driver;               // the newest CUDA that the driver serves, "13.0"; "" without a driver
  std::string driver_release;       // "580.65.06"; "" where it is not known
  std::string libraries;            // "CUDA 13.0, cuBLAS 13.1.0, cuDNN 9.19.0": what computes, beside LibTorch; "" if not built for CUDA
  std::string architectures;        // what the program's kernels were compiled for (has_code_for in core/base/cuda_answer.hpp)
};

/// Asks the driver. Starts no work on a device and takes no memory of one.
CudaDevices find_cuda_devices();

/// How two visible devices reach each other.
struct CudaLink {
  int from = 0, to = 0;
  bool peer = false;    // one reads the other's memory without the host
  bool nvlink = false;  // over NVLink
};
std::vector<CudaLink> find_cuda_links();

/// From now on this thread, and threads that LibTorch starts for it, use this device unless they name another. c10::Error without one.
void use_cuda_device(int index);

/// Bytes of a device's memory; all 0 for the CPU.
struct DeviceMemory {
  std::int64_t allocated = 0, peak_allocated = 0;  // of tensors, now and at most
  std::int64_t reserved = 0;                       // that LibTorch's allocator holds, for tensors and free blocks
  std::int64_t free = 0, total = 0;                // of the whole device, other processes counted
};
DeviceMemory device_memory(at::Device device);

/// Starts the device and its libraries for matrix products, which take memory of their own, and returns how many bytes; 0 for the CPU.
/// Other processes that start on the device meanwhile are counted too.
std::int64_t start_device(at::Device device);

/// Waits until all work of this process on a device is done; at once for the CPU.
void wait_for(at::Device device);

/// The major number of the compute capability of a CUDA device; 0 in a build without CUDA.
int cuda_compute_capability(at::Device device);

}  // namespace sluice
