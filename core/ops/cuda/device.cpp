#include "core/ops/cuda/device.hpp"
#include "core/tensor/cuda_device.hpp"

#include <c10/cuda/CUDAStream.h>

namespace sluice::ops {

bool has_grouped_products() {
  const int capability = cuda_compute_capability(at::Device(at::kCUDA));
  return capability == 9 || capability == 10;
}

kernels::cuda::Stream current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

}  // namespace sluice::ops
