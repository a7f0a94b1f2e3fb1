#include "core/tensor/host_integers.hpp"

#include "core/tensor/host_memory.hpp"

#include <ATen/record_function.h>

namespace sluice {

std::vector<std::int64_t> integers_of(const at::Tensor& integers) {
  RECORD_FUNCTION("sluice::integers_of", std::vector<c10::IValue>());
  return values_of<std::int64_t>(integers);
}

}  // namespace sluice
