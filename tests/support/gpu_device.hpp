// The device of tests that need one.
#pragma once

#include "core/tensor/tensor.hpp"
#include "tests/support/catch.hpp"

#include <ATen/Context.h>

namespace sluice::testing {

/// Whether this machine has none; says then that nothing was tested, so that CTest calls the test skipped.
inline bool no_device() {
  if (at::hasCUDA()) return false;
  WARN("SKIPPED: this machine has no device, nothing was tested");
  return true;
}

inline at::Device gpu() { return {at::kCUDA, 0}; }

}  // namespace sluice::testing
