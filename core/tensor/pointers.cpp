#include "core/tensor/pointers.hpp"

#include <c10/util/Exception.h>

namespace sluice {

void require_contiguous(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.defined(), "raw access to a tensor that is not there; this is a defect of Sluice");
  TORCH_CHECK(tensor.device().is_cpu() && tensor.layout() == at::kStrided && tensor.is_contiguous(), "raw access to a tensor of shape ", tensor.sizes(), " with strides ",
              tensor.strides(), " on ", tensor.device(), ", expected contiguous memory of the CPU; this is a defect of Sluice");
}

void require_contiguous(const at::Tensor& tensor, at::ScalarType type) {
  require_contiguous(tensor);
  TORCH_CHECK(tensor.scalar_type() == type, "raw access to elements of type ", tensor.scalar_type(), " as ", type, "; this is a defect of Sluice");
}

void count_write(const at::Tensor& tensor) {
  tensor.unsafeGetTensorImpl()->bump_version();
}

std::span<std::byte> bytes_of(const at::Tensor& tensor) {
  require_contiguous(tensor);
  return {static_cast<std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

}  // namespace sluice
