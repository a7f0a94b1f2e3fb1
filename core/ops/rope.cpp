#include "core/ops/rope.hpp"

#include "core/base/error.hpp"
#include "core/kernels/rope.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/composed.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void kernel_tables(double theta, const at::Tensor& cos, const at::Tensor& sin) {
  SLUICE_DISPATCH(cos.scalar_type(), [&] { kernels::rope_tables(theta, 2 * cos.size(1), cos.size(0), data_of<A>(cos), data_of<A>(sin)); });
}

void composed_tables(double theta, const at::Tensor& cos, const at::Tensor& sin) {
  const auto wide = cos.options().dtype(at::kDouble);
  const at::Tensor frequencies = at::pow(theta, at::arange(cos.size(1), wide) / -static_cast<double>(cos.size(1)));
  const at::Tensor angles = at::arange(cos.size(0), wide).unsqueeze(1) * frequencies;
  cos.copy_(angles.cos());
  sin.copy_(angles.sin());
}

void kernel_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions, bool inverse) {
  const std::int64_t head_dim = 2 * cos.size(1);
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::rope_rotate(data_of<T>(x), data_of<const A>(cos), data_of<const A>(sin), data_of<const std::int64_t>(positions), x.size(0),
                         x.size(1) / head_dim, head_dim, x.size(1), inverse);
  });
}

void composed_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions, bool inverse) {
  const at::Tensor heads = x.view({x.size(0), x.size(1) / (2 * cos.size(1)), 2, cos.size(1)});
  const at::Tensor first = heads.select(2, 0), second = heads.select(2, 1);
  const at::Tensor c = rows_at(cos, positions).unsqueeze(1), s = rows_at(sin, positions).unsqueeze(1) * (inverse ? -1.0 : 1.0);
  const at::Tensor a = first.to(cos.scalar_type()), b = second.to(cos.scalar_type());
  const at::Tensor rotated = a * c - b * s;
  second.copy_(b * c + a * s);
  first.copy_(rotated);
}

}  // namespace

RopeTables rope_tables(double theta, std::int64_t head_dim, std::int64_t positions, const at::TensorOptions& options) {
  if (head_dim % 2 != 0) throw usage_error("rope: head_dim({}) is odd; rotation works on pairs, use an even head_dim", head_dim);
  const at::Tensor cos = at::empty({positions, head_dim / 2}, options);
  const RopeTables tables{cos, at::empty_like(cos)};
  Arguments("rope_tables", cos).check("cos", cos, accumulate_type(cos.scalar_type()), {positions, head_dim / 2});
  run(cos, kernel_tables, composed_tables, cuda_operations().rope_tables, theta, tables.cos, tables.sin);
  return tables;
}

void rope_rotate(const at::Tensor& x, const at::Tensor& cos, const at::Tensor& sin, const at::Tensor& positions, bool inverse) {
  const Arguments arguments("rope_rotate", x);
  arguments.check_values("x", x, {-1, -1});
  arguments.check("cos", cos, accumulate_type(x.scalar_type()), {-1, -1});
  arguments.check("sin", sin, cos.scalar_type(), cos.sizes());
  arguments.check("positions", positions, at::kLong, {x.size(0)});
  TORCH_CHECK(cos.size(1) > 0 && x.size(1) % (2 * cos.size(1)) == 0, "rope_rotate: x ", x.sizes(), " is not made of heads of ",
              2 * cos.size(1), "; this is a defect of Sluice");
  run(x, kernel_rotate, composed_rotate, cuda_operations().rope_rotate, x, cos, sin, positions, inverse);
}

}  // namespace sluice::ops
