// cuda_device.hpp in a build without CUDA.
#include "core/tensor/cuda_device.hpp"

#include <c10/util/Exception.h>

namespace sluice {

CudaDevices find_cuda_devices() {
  CudaDevices none;
  none.why_none = "this program was built without CUDA (./launch/setup --cuda builds it with)";
  return none;
}

std::vector<CudaLink> find_cuda_links() { return {}; }

void use_cuda_device(int) { TORCH_CHECK(false, "a program built without CUDA was told to use a device; this is a defect of Sluice"); }

DeviceMemory device_memory(at::Device) { return {}; }

std::int64_t start_device(at::Device) { return 0; }

void wait_for(at::Device) {}

int cuda_compute_capability(at::Device) { return 0; }

}  // namespace sluice
