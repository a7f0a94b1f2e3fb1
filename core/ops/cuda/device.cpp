#include "core/ops/cuda/device.hpp"

#include "core/ops/cuda.hpp"
#include "core/tensor/cuda_device.hpp"

#include <c10/cuda/CUDAStream.h>

namespace sluice::ops {

bool has_grouped_products() { return has_grouped_kernel(cuda_compute_capability(at::Device(at::kCUDA))); }

bool zeroes_empty_groups() { return cuda_compute_capability(at::Device(at::kCUDA)) == 9; }

kernels::cuda::Stream current_stream() { return c10::cuda::getCurrentCUDAStream().stream(); }

}  // namespace sluice::ops
