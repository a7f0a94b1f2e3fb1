// cuda.hpp in a build without CUDA.
#include "core/ops/cuda.hpp"

namespace sluice::ops {

const CudaOperations& cuda_operations() {
  static const CudaOperations none;
  return none;
}

}  // namespace sluice::ops
