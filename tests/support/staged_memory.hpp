// While a StagedMemory lives, to_host() and from_host() (core/tensor/host_memory.hpp) copy CPU tensors as they copy a device's, so that
// this way is tested without a device.
#pragma once

#include <cstdlib>
#include <string>

namespace sluice::testing {

class StagedMemory {
 public:
  StagedMemory() { setenv(kVariable, "staged", 1); }
  ~StagedMemory() { setenv(kVariable, before_.c_str(), 1); }
  StagedMemory(const StagedMemory&) = delete;
  StagedMemory& operator=(const StagedMemory&) = delete;

 private:
  static constexpr const char* kVariable = "SLUICE_HOST_MEMORY";
  const std::string before_ = std::getenv(kVariable) != nullptr ? std::getenv(kVariable) : "";
};

}  // namespace sluice::testing
