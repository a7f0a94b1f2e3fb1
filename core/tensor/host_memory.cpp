#include "core/tensor/host_memory.hpp"

#include "core/base/error.hpp"

#include <ATen/Functions.h>
#include <ATen/record_function.h>
#include <c10/core/GradMode.h>

#include <cstdlib>
#include <string_view>

namespace sluice {
namespace {

// Read at every call, since a test may change it; that is cheap beside moving a tensor.
bool stages_all() {
  const char* variable = std::getenv("SLUICE_HOST_MEMORY");
  const std::string_view value = variable != nullptr ? variable : "";
  if (value != "" && value != "own" && value != "staged") throw usage_error("SLUICE_HOST_MEMORY={} is neither own nor staged", value);
  return value == "staged";
}

}  // namespace

bool is_far(at::Device device) { return !device.is_cpu() || stages_all(); }

HostMemory::HostMemory(const at::Tensor& tensor) : tensor_(tensor), host_(tensor) {
  require_contiguous(tensor);
  if (!is_far(tensor.device())) return;
  host_ = at::empty(tensor.sizes(), at::TensorOptions().dtype(tensor.scalar_type()).pinned_memory(tensor.is_cuda()));
}

std::span<std::byte> HostMemory::bytes() const& { return {static_cast<std::byte*>(host_.data_ptr()), host_.nbytes()}; }

void HostMemory::give_back() const {
  if (!is_staged()) {
    count_write(tensor_);
    return;
  }
  const at::NoGradGuard no_grad;
  // Only a copy from pinned memory may go on in the background: LibTorch keeps that memory until the copy is done.
  tensor_.copy_(host_, host_.is_pinned());
}

HostMemory to_host(const at::Tensor& tensor) {
  HostMemory memory(tensor);
  const at::NoGradGuard no_grad;
  if (memory.is_staged()) {
    RECORD_FUNCTION("sluice::to_host", std::vector<c10::IValue>());
    memory.host_.copy_(tensor);
  }
  return memory;
}

HostMemory from_host(const at::Tensor& tensor) { return HostMemory(tensor); }

}  // namespace sluice
