// Runs the CUDA forms of operations on tensors of the CPU.
#pragma once

#include "core/ops/backend.hpp"
#include "tests/cuda_emulation/order.hpp"

namespace sluice::testing {

/// While it lives, every operation that has a form for CUDA runs it, on an emulated device whose threads take turns in this order.
class Emulated {
 public:
  explicit Emulated(EmulatedOrder order);
  ~Emulated();
  Emulated(const Emulated&) = delete;
  Emulated& operator=(const Emulated&) = delete;
};

}  // namespace sluice::testing
