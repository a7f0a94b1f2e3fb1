// Memory of the host as a device's tensors get it, where there is no device: while one of these lives, CPU tensors are staged too.
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
