#include "core/tensor/host_integers.hpp"

#include "core/tensor/pointers.hpp"

#include <ATen/record_function.h>

namespace sluice {

std::vector<std::int64_t> integers_of(const at::Tensor& integers) {
  RECORD_FUNCTION("sluice::integers_of", std::vector<c10::IValue>());
  const at::Tensor here = integers.cpu().contiguous();
  const auto* first = data_of<const std::int64_t>(here);
  return {first, first + here.numel()};
}

}  // namespace sluice
