#include "core/nn/linear.hpp"

#include "core/tensor/dtype_map.hpp"

namespace sluice {
namespace {

// y = x W^T, where W [out, in] is what products see of `source`, whose own gradient backward writes; or, without a source, `weight` itself,
// a transformed one, whose gradient goes on through autograd.
struct LinearFunction : torch::autograd::Function<LinearFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight, Parameter* source) {
    ctx->save_for_backward({x, source != nullptr ? at::Tensor() : weight});
    ctx->saved_data["source"] = reinterpret_cast<std::int64_t>(source);
    const at::Tensor& w = source != nullptr ? source->compute : weight;
    return at::mm(x.to(w.scalar_type()), w.t()).to(x.scalar_type());
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    auto* source = reinterpret_cast<Parameter*>(ctx->saved_data["source"].toInt());
    const at::Tensor& x = saved[0];
    const at::Tensor& w = source != nullptr ? source->compute : saved[1];
    const at::Tensor dy = grads[0].contiguous().to(w.scalar_type());
    at::Tensor dx, dw;
    if (ctx->needs_input_grad(1)) {
      if (source != nullptr) GradientWriter(source->gradient).add_product(dy, x.to(w.scalar_type()));
      else dw = at::mm(dy.t(), x.to(w.scalar_type()));
    }
    if (ctx->needs_input_grad(0)) dx = at::mm(dy, w).to(x.scalar_type());
    return {dx, dw, at::Tensor()};
  }
};

// Passes the gradient of a transformed weight into the parameter's own.
struct WeightSource : torch::autograd::Function<WeightSource> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& use, Parameter* weight) {
    (void)use;
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return weight->compute.detach();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    GradientWriter(reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt())->gradient).add(grads[0].contiguous());
    return {at::Tensor(), at::Tensor()};
  }
};

}  // namespace

at::Tensor transformed_weight(Parameter& weight, const std::function<at::Tensor(const at::Tensor&)>& transform) {
  const at::Tensor source = WeightSource::apply(weight.open_use(), &weight);
  return transform ? transform(source) : source;
}

at::Tensor linear(const at::Tensor& x, Parameter& weight, const Numerics& numerics) {
  if (numerics.empty()) return LinearFunction::apply(x, weight.open_use(), &weight);
  const at::Tensor y = LinearFunction::apply(numerics.input ? numerics.input(x) : x, transformed_weight(weight, numerics.weight), nullptr);
  return y.to(x.scalar_type());
}

}  // namespace sluice
