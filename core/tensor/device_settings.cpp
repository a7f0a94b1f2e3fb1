#include "core/tensor/device_settings.hpp"

#include <ATen/Context.h>

#include <cstdlib>
#include <string>

namespace sluice {

void use_settings(const DeviceSettings& settings, at::Device device) {
  if (!device.is_cuda()) return;
  at::Context& context = at::globalContext();
  context.setDeterministicAlgorithms(settings.deterministic, false);
  context.setDeterministicFillUninitializedMemory(false);  // we leave nothing unwritten, and filling costs a pass
  context.setAllowBF16ReductionCuBLAS(!settings.deterministic);
  context.setAllowFP16ReductionCuBLAS(!settings.deterministic);
  context.setBenchmarkCuDNN(false);
  context.setFloat32MatmulPrecision(std::string(settings.matmul_precision));
  // A workspace of one size, whatever the stage: cuBLAS keeps the one of its first product. A user's own choice stays.
  setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", 0);
}

}  // namespace sluice
