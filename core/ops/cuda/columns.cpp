#include "core/kernels/cuda/columns.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void pick(const at::Tensor& values, const at::Tensor& columns, const at::Tensor& out) {
  SLUICE_DISPATCH(values.scalar_type(), [&] {
    kernels::cuda::pick_columns(device_data<const A>(values), device_data<const std::int64_t>(columns), values.size(0), values.size(1),
                                columns.size(1), device_data<A>(out), current_stream());
  });
}

void place(const at::Tensor& values, const at::Tensor& columns, const at::Tensor& out) {
  SLUICE_DISPATCH(values.scalar_type(), [&] {
    kernels::cuda::place_columns(device_data<const A>(values), device_data<const std::int64_t>(columns), values.size(0), out.size(1),
                                 values.size(1), device_data<A>(out), current_stream());
  });
}

}  // namespace

void add_columns_forms(CudaOperations& table) {
  table.pick_columns = pick;
  table.place_columns = place;
}

}  // namespace sluice::ops
