#include "core/kernels/cuda/rows.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void gather(const at::Tensor& x, const at::Tensor& index, const at::Tensor& out) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::cuda::gather_rows(device_data<const T>(x), device_data<const std::int64_t>(index), x.size(0), index.size(0), x.size(1),
                               device_data<T>(out), current_stream());
  });
}

void combine(const at::Tensor& rows, const at::Tensor& slots, const at::Tensor& y) {
  SLUICE_DISPATCH(rows.scalar_type(), [&] {
    kernels::cuda::combine_rows(device_data<const T>(rows), device_data<const std::int64_t>(slots), slots.size(0), slots.size(1),
                                rows.size(1), device_data<T>(y), current_stream());
  });
}

void embedding_backward(const at::Tensor& dy, const at::Tensor& ids, const at::Tensor& dtable) {
  const at::Tensor order = at::argsort(ids, /*stable=*/true, 0, /*descending=*/false);
  SLUICE_DISPATCH(dy.scalar_type(), [&] {
    kernels::cuda::embedding_backward(device_data<const T>(dy), device_data<const std::int64_t>(ids),
                                      device_data<const std::int64_t>(order), dy.size(0), dy.size(1), dtable.size(0),
                                      device_data<A>(dtable), current_stream());
  });
}

}  // namespace

void add_rows_forms(CudaOperations& table) {
  table.embedding = gather;
  table.embedding_backward = embedding_backward;
  table.gather_rows = gather;
  table.combine_rows = combine;
}

}  // namespace sluice::ops
