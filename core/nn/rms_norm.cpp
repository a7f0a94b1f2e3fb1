#include "core/nn/rms_norm.hpp"

#include "core/kernels/rms_norm.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice {
namespace {

// The weight as kernels want it: what the model's element type can hold, in the accumulation type.
at::Tensor norm_weight(const Parameter& weight) {
  return weight.compute.to(weight.value.scalar_type());
}

// dx; the weight's gradient, which comes of the same pass, is kept where it is trained.
at::Tensor backward_rows(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& inverse_rms, Parameter* weight, bool weight_is_trained) {
  const std::int64_t width = x.size(1);
  at::Tensor dx = at::empty_like(x);
  at::Tensor dweight = at::empty_like(weight->value);
  const at::Tensor w = norm_weight(*weight);
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::rms_norm_backward(data_of<const T>(dy), data_of<const T>(x), data_of<const A>(w), data_of<const A>(inverse_rms), x.size(0), width,
                               data_of<T>(dx), data_of<A>(dweight));
  });
  if (weight_is_trained) GradientWriter(weight->gradient).add(dweight);
  return dx;
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& use, Parameter* weight, double eps) {
    (void)use;
    at::Tensor y = at::empty_like(x);
    at::Tensor inverse_rms = at::empty({x.size(0)}, weight->value.options().requires_grad(false));
    const at::Tensor w = norm_weight(*weight);
    SLUICE_DISPATCH(x.scalar_type(), [&] {
      kernels::rms_norm_forward(data_of<const T>(x), data_of<const A>(w), x.size(0), x.size(1), eps, data_of<T>(y), data_of<A>(inverse_rms));
    });
    ctx->save_for_backward({x, inverse_rms});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    return {backward_rows(grads[0].contiguous(), saved[0], saved[1], weight, ctx->needs_input_grad(1)), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct AddRmsNormFunction : torch::autograd::Function<AddRmsNormFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& residual,
                                                const at::Tensor& use, Parameter* weight, double eps) {
    (void)use;
    at::Tensor sum = at::empty_like(x);
    at::Tensor y = at::empty_like(x);
    at::Tensor inverse_rms = at::empty({x.size(0)}, weight->value.options().requires_grad(false));
    const at::Tensor w = norm_weight(*weight);
    SLUICE_DISPATCH(x.scalar_type(), [&] {
      kernels::add_rms_norm_forward(data_of<const T>(x), data_of<const T>(residual), data_of<const A>(w), x.size(0), x.size(1), eps,
                                    data_of<T>(sum), data_of<T>(y), data_of<A>(inverse_rms));
    });
    ctx->save_for_backward({sum, inverse_rms});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return {sum, y};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    at::Tensor dsum = backward_rows(grads[1].contiguous(), saved[0], saved[1], weight, ctx->needs_input_grad(2));
    dsum.add_(grads[0]);
    return {dsum, dsum, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor rms_norm(const at::Tensor& x, Parameter& weight, double eps) {
  return RmsNormFunction::apply(x, weight.open_use(), &weight, eps);
}

std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x, const at::Tensor& residual, Parameter& weight, double eps) {
  auto result = AddRmsNormFunction::apply(x, residual, weight.open_use(), &weight, eps);
  return {result[0], result[1]};
}

}  // namespace sluice
