#include "core/nn/linear.hpp"

#include "core/tensor/dtype_map.hpp"

namespace sluice {
namespace {

// y = x W^T, where W [out, in] is what products see of `parameter`, whose own gradient backward writes (is_own); or `weight` itself, a
// transformed one, rounded to the same type, whose gradient goes on through autograd.
struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, Parameter* parameter,
                            bool is_own) {
    const at::Tensor w = is_own ? parameter->compute : weight.to(parameter->compute.scalar_type());
    ctx->save_for_backward({x, is_own ? at::Tensor() : w});
    ctx->saved_data["parameter"] = reinterpret_cast<std::int64_t>(parameter);
    return at::mm(x.to(w.scalar_type()), w.t()).to(x.scalar_type());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto* parameter = reinterpret_cast<Parameter*>(ctx->saved_data["parameter"].toInt());
    const at::Tensor& x = saved[0];
    const bool is_own = !saved[1].defined();
    const at::Tensor& w = is_own ? parameter->compute : saved[1];
    const at::Tensor dy = grads[0].contiguous().to(w.scalar_type());
    at::Tensor dx, dw;
    if (ctx->needs_input_grad(1)) {
      if (is_own) GradientWriter(parameter->gradient).add_product(dy, x.to(w.scalar_type()));
      else dw = at::mm(dy.t(), x.to(w.scalar_type())).to(parameter->value.scalar_type());
    }
    if (ctx->needs_input_grad(0)) dx = at::mm(dy, w).to(x.scalar_type());
    return {dx, dw, at::Tensor(), at::Tensor()};
  }
};

// Passes the gradient of a transformed weight into the parameter's own.
struct WeightSource : torch::autograd::Function<WeightSource> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& use, Parameter* weight) {
    (void)use;
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return weight->compute.detach().to(weight->value.scalar_type());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    GradientWriter(reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt())->gradient).add(grads[0].contiguous());
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

WeightInput weight_input(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform) {
  const at::Tensor use = weight.open_use();
  if (!transform) return {use, true};
  const at::Tensor source = WeightSource::apply(use, &weight);
  const at::Tensor transformed = transform(source);
  // Nothing was done: the use is the node's that multiplies, which adds to the gradient in the order that it has without a transform.
  if (transformed.is_same(source)) return {use, true};
  return {transformed.contiguous(), false};
}

at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics) {
  const WeightInput w = weight_input(weight, numerics.weight);
  return LinearFunction::apply(numerics.input ? numerics.input(x) : x, w.tensor, &weight, w.is_own).to(x.scalar_type());
}

}  // namespace sluice
