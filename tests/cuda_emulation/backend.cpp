// core/ops/backend.cpp's choice of a form, where a test emulates a device: this program's own definition takes the place of the engine's.
#include "tests/cuda_emulation/backend.hpp"

namespace sluice {
namespace {

bool emulates = false;

}  // namespace

namespace testing {

Emulated::Emulated(EmulatedOrder order) {
  set_emulated_order(order);
  emulates = true;
}

Emulated::~Emulated() { emulates = false; }

}  // namespace testing

namespace ops {

Backend backend_of(at::Device device, bool has_cuda) {
  if (uses_composed() || device.is_meta()) return Backend::kComposed;
  if (!emulates) return Backend::kCpuKernels;
  return has_cuda ? Backend::kCuda : Backend::kComposed;
}

}  // namespace ops
}  // namespace sluice
