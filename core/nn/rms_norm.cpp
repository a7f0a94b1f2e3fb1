#include "core/nn/rms_norm.hpp"

#include "core/ops/rms_norm.hpp"

namespace sluice {
namespace {

// The weight as operations want it: what the model's element type can hold, in the accumulation type.
at::Tensor norm_weight(const Parameter& weight) { return weight.compute.to(weight.value.scalar_type()); }

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& use, Parameter* weight,
                            double eps) {
    (void)use;
    const auto [y, inverse_rms] = norm_rows(x, *weight, eps);
    ctx->save_for_backward({x, inverse_rms});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return y;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    const at::Tensor dx = norm_rows_backward(grads[0].contiguous(), saved[0], saved[1], *weight, ctx->needs_input_grad(1));
    return {dx, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

struct AddRmsNormFunction : torch::autograd::Function<AddRmsNormFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& residual,
                                                const at::Tensor& use, Parameter* weight, double eps) {
    (void)use;
    const auto [sum, y, inverse_rms] = ops::add_rms_norm(x, residual, norm_weight(*weight), eps);
    ctx->save_for_backward({sum, inverse_rms});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return {sum, y};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    at::Tensor dsum = norm_rows_backward(grads[1].contiguous(), saved[0], saved[1], *weight, ctx->needs_input_grad(2));
    dsum.add_(grads[0]);
    return {dsum, dsum, at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

std::pair<at::Tensor, at::Tensor> norm_rows(const at::Tensor& x, const Parameter& weight, double eps) {
  auto [y, inverse_rms] = ops::rms_norm(x, norm_weight(weight), eps);
  return {std::move(y), std::move(inverse_rms)};
}

at::Tensor norm_rows_backward(const at::Tensor& dy, const at::Tensor& x, const at::Tensor& inverse_rms, Parameter& weight,
                              bool weight_is_trained) {
  const ops::RmsNormGradients gradients = ops::rms_norm_backward(dy, x, norm_weight(weight), inverse_rms);
  if (weight_is_trained) GradientWriter(weight.gradient).add(gradients.dweight);
  return gradients.dx;
}

at::Tensor rms_norm(const at::Tensor& x, Parameter& weight, double eps) {
  return RmsNormFunction::apply(x, weight.open_use(), &weight, eps);
}

std::pair<at::Tensor, at::Tensor> add_rms_norm(const at::Tensor& x, const at::Tensor& residual, Parameter& weight, double eps) {
  auto result = AddRmsNormFunction::apply(x, residual, weight.open_use(), &weight, eps);
  return {result[0], result[1]};
}

}  // namespace sluice
