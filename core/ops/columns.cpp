#include "core/ops/columns.hpp"

#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"

namespace sluice::ops {
namespace {

// The CPU has no kernels of its own for these.
void composed_pick(const at::Tensor& values, const at::Tensor& columns, const at::Tensor& out) {
  at::Tensor picked = out;
  at::gather_out(picked, values, 1, columns);
}

void composed_place(const at::Tensor& values, const at::Tensor& columns, const at::Tensor& out) {
  out.zero_();
  out.scatter_add_(1, columns, values);
}

}  // namespace

at::Tensor pick_columns(const at::Tensor& values, const at::Tensor& columns) {
  const Arguments arguments("pick_columns", values);
  arguments.check("values", values, accumulate_type(values.scalar_type()), {-1, -1});
  arguments.check("columns", columns, at::kLong, {values.size(0), -1});
  at::Tensor out = at::empty(columns.sizes(), values.options());
  run(values, composed_pick, composed_pick, cuda_operations().pick_columns, values, columns, out);
  return out;
}

at::Tensor place_columns(const at::Tensor& values, const at::Tensor& columns, std::int64_t num_columns) {
  const Arguments arguments("place_columns", values);
  arguments.check("values", values, accumulate_type(values.scalar_type()), {-1, -1});
  arguments.check("columns", columns, at::kLong, values.sizes());
  at::Tensor out = at::empty({values.size(0), num_columns}, values.options());
  run(values, composed_place, composed_place, cuda_operations().place_columns, values, columns, out);
  return out;
}

}  // namespace sluice::ops
