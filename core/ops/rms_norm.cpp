#include "core/ops/rms_norm.hpp"

#include "core/kernels/rms_norm.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

std::int64_t rows_of(const at::Tensor& x, const at::Tensor& weight) { return x.numel() / weight.numel(); }

// Checks x and weight, and that x is whole rows of the weight's width.
Arguments checked(const char* operation, const at::Tensor& x, const at::Tensor& weight) {
  const Arguments arguments(operation, x);
  arguments.check_values("x", x, x.sizes());
  arguments.check("weight", weight, accumulate_type(x.scalar_type()), {-1});
  TORCH_CHECK(weight.numel() > 0 && x.numel() % weight.numel() == 0, operation, ": x ", x.sizes(), " is not made of rows of ",
              weight.numel(), "; this is a defect of Sluice");
  return arguments;
}

void kernel_forward(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& y, const at::Tensor& inverse_rms) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::rms_norm_forward(data_of<const T>(x), data_of<const A>(weight), rows_of(x, weight), weight.numel(), eps, data_of<T>(y),
                              data_of<A>(inverse_rms));
  });
}

void kernel_add_forward(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps, const at::Tensor& sum,
                        const at::Tensor& y, const at::Tensor& inverse_rms) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::add_rms_norm_forward(data_of<const T>(x), data_of<const T>(residual), data_of<const A>(weight), rows_of(x, weight),
                                  weight.numel(), eps, data_of<T>(sum), data_of<T>(y), data_of<A>(inverse_rms));
  });
}

void kernel_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms,
                     const at::Tensor& dx, const at::Tensor& dweight) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::rms_norm_backward(data_of<const T>(dy), data_of<const T>(x), data_of<const A>(weight), data_of<const A>(inverse_rms),
                               rows_of(x, weight), weight.numel(), data_of<T>(dx), data_of<A>(dweight));
  });
}

// x as rows [rows, width] in the accumulation type.
at::Tensor wide_rows(const at::Tensor& x, const at::Tensor& weight) {
  return x.view({rows_of(x, weight), weight.numel()}).to(weight.scalar_type());
}

void composed_forward(const at::Tensor& x, const at::Tensor& weight, double eps, const at::Tensor& y, const at::Tensor& inverse_rms) {
  const at::Tensor rows = wide_rows(x, weight);
  inverse_rms.copy_((rows.square().sum(1) / weight.numel() + eps).sqrt().reciprocal());
  y.copy_((weight * (rows * inverse_rms.unsqueeze(1))).view(x.sizes()));
}

void composed_add_forward(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps, const at::Tensor& sum,
                          const at::Tensor& y, const at::Tensor& inverse_rms) {
  sum.copy_(x + residual);
  composed_forward(sum, weight, eps, y, inverse_rms);
}

void composed_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms,
                       const at::Tensor& dx, const at::Tensor& dweight) {
  const at::Tensor gradient = wide_rows(dy, weight), rows = wide_rows(x, weight), inverse = inverse_rms.unsqueeze(1);
  const at::Tensor weighted = gradient * weight;
  const at::Tensor pull = (weighted * rows).sum(1, true) / weight.numel() * inverse * inverse;
  dweight.copy_((gradient * (rows * inverse)).sum(0));
  dx.copy_(((weighted - rows * pull) * inverse).view(x.sizes()));
}

}  // namespace

RmsNorm rms_norm(const at::Tensor& x, const at::Tensor& weight, double eps) {
  checked("rms_norm", x, weight);
  RmsNorm result{at::empty_like(x), at::empty({rows_of(x, weight)}, weight.options())};
  run(x, kernel_forward, composed_forward, cuda_operations().rms_norm, x, weight, eps, result.y, result.inverse_rms);
  return result;
}

AddRmsNorm add_rms_norm(const at::Tensor& x, const at::Tensor& residual, const at::Tensor& weight, double eps) {
  checked("add_rms_norm", x, weight).check("residual", residual, x.scalar_type(), x.sizes());
  AddRmsNorm result{at::empty_like(x), at::empty_like(x), at::empty({rows_of(x, weight)}, weight.options())};
  run(x, kernel_add_forward, composed_add_forward, cuda_operations().add_rms_norm, x, residual, weight, eps, result.sum, result.y,
      result.inverse_rms);
  return result;
}

RmsNormGradients rms_norm_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& weight, const at::Tensor& inverse_rms) {
  const Arguments arguments = checked("rms_norm_backward", x, weight);
  arguments.check("dy", dy, x.scalar_type(), x.sizes());
  arguments.check("inverse_rms", inverse_rms, weight.scalar_type(), {rows_of(x, weight)});
  RmsNormGradients result{at::empty_like(x), at::empty_like(weight)};
  run(x, kernel_backward, composed_backward, cuda_operations().rms_norm_backward, dy, x, weight, inverse_rms, result.dx, result.dweight);
  return result;
}

}  // namespace sluice::ops
