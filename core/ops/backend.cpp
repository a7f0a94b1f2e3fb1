#include "core/ops/backend.hpp"

#include "core/base/error.hpp"

#include <atomic>
#include <cstdlib>
#include <string_view>

namespace sluice::ops {
namespace {

std::atomic<bool>& composed_in_use() {
  static std::atomic<bool> value{environment_says_composed()};
  return value;
}

}  // namespace

bool environment_says_composed() {
  const char* variable = std::getenv("SLUICE_OPERATIONS");
  const std::string_view value = variable != nullptr ? variable : "";
  if (value != "" && value != "kernels" && value != "composed")
    throw usage_error("SLUICE_OPERATIONS={} is neither kernels nor composed", value);
  return value == "composed";
}

bool uses_composed() { return composed_in_use().load(std::memory_order_relaxed); }

void use_composed(bool composed) { composed_in_use().store(composed); }

Backend backend_of(at::Device device, bool has_cuda) {
  if (uses_composed()) return Backend::kComposed;
  if (device.is_cpu()) return Backend::kCpuKernels;
  return device.is_cuda() && has_cuda ? Backend::kCuda : Backend::kComposed;
}

}  // namespace sluice::ops
