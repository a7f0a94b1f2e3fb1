#include "core/nn/linear.hpp"

#include "core/tensor/dtype_map.hpp"

namespace sluice {
namespace {

struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, Parameter* weight) {
    ctx->save_for_backward({x});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return product(x, weight->compute.t());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor x = ctx->get_saved_variables()[0];
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    const at::Tensor dy = to_product(grads[0].contiguous());
    weight->add_product_gradient(dy, to_product(x));
    at::Tensor dx;
    if (ctx->needs_input_grad(0)) dx = at::mm(dy, weight->compute).to(x.scalar_type());
    return {dx, at::Tensor()};
  }
};

// Passes the gradient of a transformed weight into the parameter's own gradient buffer.
struct WeightSource : torch::autograd::Function<WeightSource> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& anchor, Parameter* weight) {
    (void)anchor;
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return weight->value.detach().clone();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt())->add_gradient(grads[0].contiguous());
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor product(const at::Tensor& x, const at::Tensor& weight_transposed) {
  return at::mm(to_product(x), weight_transposed).to(x.scalar_type());
}

at::Tensor transformed_weight(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform) {
  at::Tensor anchor = at::zeros({}, weight.value.options()).set_requires_grad(at::GradMode::is_enabled());
  const at::Tensor source = WeightSource::apply(anchor, &weight);
  return transform ? transform(source) : source;
}

at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics) {
  if (numerics.empty()) return LinearFunction::apply(x, &weight);
  const at::Tensor w = transformed_weight(weight, numerics.weight);
  const at::Tensor input = numerics.input ? numerics.input(x) : x;
  return at::mm(input.to(w.scalar_type()), w.t()).to(x.scalar_type());
}

}  // namespace sluice
