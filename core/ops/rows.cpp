#include "core/ops/rows.hpp"

#include "core/kernels/rows.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/composed.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void kernel_gather(const at::Tensor& x, const at::Tensor& index, const at::Tensor& out) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::gather_rows(data_of<const T>(x), data_of<const std::int64_t>(index), index.size(0), x.size(1), data_of<T>(out));
  });
}

void kernel_combine(const at::Tensor& rows, const at::Tensor& slots, const at::Tensor& y) {
  SLUICE_DISPATCH(rows.scalar_type(), [&] {
    kernels::combine_rows(data_of<const T>(rows), data_of<const std::int64_t>(slots), slots.size(0), slots.size(1), rows.size(1),
                          data_of<T>(y));
  });
}

// x[index], with zeros where the index is negative. If x has no rows, every index must be negative.
at::Tensor picked(const at::Tensor& x, const at::Tensor& index) {
  if (x.size(0) == 0) return at::zeros({index.size(0), x.size(1)}, x.options());
  return rows_at(x, index.clamp_min(0)).masked_fill_((index < 0).unsqueeze(1), 0.0);
}

void composed_gather(const at::Tensor& x, const at::Tensor& index, const at::Tensor& out) { out.copy_(picked(x, index)); }

void composed_combine(const at::Tensor& rows, const at::Tensor& slots, const at::Tensor& y) {
  at::Tensor sum = at::zeros(y.sizes(), y.options().dtype(accumulate_type(y.scalar_type())));
  for (std::int64_t k = 0; k < slots.size(1); ++k) sum.add_(picked(rows, slots.select(1, k)));
  y.copy_(sum);
}

}  // namespace

at::Tensor gather_rows(const at::Tensor& x, const at::Tensor& index) {
  const Arguments arguments("gather_rows", x);
  arguments.check_values("x", x, {-1, -1});
  arguments.check("index", index, at::kLong, {-1});
  at::Tensor out = at::empty({index.size(0), x.size(1)}, x.options());
  run(x, kernel_gather, composed_gather, cuda_operations().gather_rows, x, index, out);
  return out;
}

at::Tensor combine_rows(const at::Tensor& rows, const at::Tensor& slots) {
  const Arguments arguments("combine_rows", rows);
  arguments.check_values("rows", rows, {-1, -1});
  arguments.check("slots", slots, at::kLong, {-1, -1});
  at::Tensor y = at::empty({slots.size(0), rows.size(1)}, rows.options());
  run(rows, kernel_combine, composed_combine, cuda_operations().combine_rows, rows, slots, y);
  return y;
}

}  // namespace sluice::ops
