#include "core/tensor/pointers.hpp"

#include <c10/util/Exception.h>

namespace sluice {
namespace {

void require(bool good, const at::Tensor& tensor, const char* expected) {
  TORCH_CHECK(good, "raw access to a tensor of shape ", tensor.sizes(), " with strides ", tensor.strides(), " on ", tensor.device(),
              ", expected ", expected, "; this is a defect of Sluice");
}

}  // namespace

void require_contiguous(const at::Tensor& tensor) {
  TORCH_CHECK(tensor.defined(), "raw access to a tensor that is not there; this is a defect of Sluice");
  require(tensor.layout() == at::kStrided && !tensor.is_meta() && tensor.is_contiguous(), tensor, "contiguous memory");
}

void require_contiguous_on_cpu(const at::Tensor& tensor, at::ScalarType type) {
  require_contiguous(tensor);
  require(tensor.device().is_cpu(), tensor, "memory of the CPU");
  TORCH_CHECK(tensor.scalar_type() == type, "raw access to elements of type ", tensor.scalar_type(), " as ", type,
              "; this is a defect of Sluice");
}

void count_write(const at::Tensor& tensor) { tensor.unsafeGetTensorImpl()->bump_version(); }

}  // namespace sluice
