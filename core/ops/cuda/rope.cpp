#include "core/kernels/cuda/rope.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void tables(double theta, const at::Tensor& cos, const at::Tensor& sin) {
  SLUICE_DISPATCH(cos.scalar_type(), [&] {
    kernels::cuda::rope_tables(theta, cos.size(1), cos.size(0), device_data<A>(cos), device_data<A>(sin), current_stream());
  });
}

void rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions, bool inverse) {
  const std::int64_t half = cos.size(1);
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::cuda::rope_rotate(device_data<T>(x), device_data<const A>(cos), device_data<const A>(sin),
                               device_data<const std::int64_t>(positions), x.size(0), x.size(1) / (2 * half), half, inverse,
                               current_stream());
  });
}

}  // namespace

void add_rope_forms(CudaOperations& table) {
  table.rope_tables = tables;
  table.rope_rotate = rotate;
}

}  // namespace sluice::ops
