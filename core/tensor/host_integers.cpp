#include "core/tensor/host_integers.hpp"

#include "core/tensor/host_memory.hpp"

#include <ATen/record_function.h>

#include <algorithm>

namespace sluice {

std::vector<std::int64_t> integers_of(const at::Tensor& integers) {
  RECORD_FUNCTION("sluice::integers_of", std::vector<c10::IValue>());
  return values_of<std::int64_t>(integers);
}

at::Tensor integers_on(at::Device device, const std::vector<std::int64_t>& integers, at::IntArrayRef shape) {
  at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(at::kLong).device(device));
  TORCH_CHECK(tensor.numel() == static_cast<std::int64_t>(integers.size()), integers.size(), " integers for shape ", shape,
              "; this is a defect of Sluice");
  if (tensor.is_meta()) return tensor;
  const HostMemory memory = from_host(tensor);
  std::copy(integers.begin(), integers.end(), memory.as<std::int64_t>().begin());
  memory.give_back();
  return tensor;
}

at::Tensor integers_on(at::Device device, const std::vector<std::int64_t>& integers) {
  return integers_on(device, integers, {static_cast<std::int64_t>(integers.size())});
}

}  // namespace sluice
