#include "core/ops/arguments.hpp"

#include <c10/util/Exception.h>

namespace sluice::ops {
namespace {

bool fits(at::IntArrayRef sizes, at::IntArrayRef shape) {
  if (sizes.size() != shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] >= 0 && sizes[i] != shape[i]) return false;
  return true;
}

}  // namespace

Arguments::Arguments(const char* operation, const at::Tensor& operand)
    : operation_(operation), device_(operand.defined() ? operand.device() : at::Device(at::kCPU)) {
  TORCH_CHECK(operand.defined(), operation, ": its operand is not there; this is a defect of Sluice");
}

void Arguments::check(const char* name, const at::Tensor& tensor, at::ScalarType type, at::IntArrayRef shape) const {
  TORCH_CHECK(tensor.defined(), operation_, ": ", name, " is not there; this is a defect of Sluice");
  TORCH_CHECK(tensor.layout() == at::kStrided, operation_, ": ", name, " has layout ", tensor.layout(), "; this is a defect of Sluice");
  TORCH_CHECK(tensor.device() == device_ && tensor.scalar_type() == type && tensor.is_contiguous() && fits(tensor.sizes(), shape),
              operation_, ": ", name, " is ", tensor.scalar_type(), " ", tensor.sizes(), " with strides ", tensor.strides(), " on ",
              tensor.device(), ", expected contiguous ", type, " ", shape, " on ", device_, "; this is a defect of Sluice");
}

void Arguments::check_values(const char* name, const at::Tensor& tensor, at::IntArrayRef shape) const {
  const at::ScalarType type = tensor.defined() ? tensor.scalar_type() : at::kFloat;
  check(name, tensor, type == at::kDouble || type == at::kBFloat16 ? type : at::kFloat, shape);
}

}  // namespace sluice::ops
