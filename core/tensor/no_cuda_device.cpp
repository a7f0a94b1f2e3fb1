// A build without CUDA: no device has any ability.
#include "core/tensor/cuda_device.hpp"

namespace sluice {

int cuda_compute_capability(at::Device) {
  return 0;
}

}  // namespace sluice
