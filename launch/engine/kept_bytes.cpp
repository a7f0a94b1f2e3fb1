#include "launch/engine/kept_bytes.hpp"

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>

#include <memory>

namespace sluice {
namespace {

// Stands in for LibTorch's profiler on one thread: the allocator reports to it every block taken (positive) and freed (negative).
struct Balance : c10::MemoryReportingInfoBase {
  std::int64_t bytes = 0;
  void reportMemoryUsage(void*, std::int64_t size, std::size_t, std::size_t, c10::Device) override { bytes += size; }
  bool memoryProfilingEnabled() const override { return true; }
};

}  // namespace

std::int64_t bytes_kept_by(const std::function<void()>& work) {
  const auto balance = std::make_shared<Balance>();
  const c10::DebugInfoGuard guard(c10::DebugInfoKind::PROFILER_STATE, balance);
  work();
  return balance->bytes;
}

}  // namespace sluice
