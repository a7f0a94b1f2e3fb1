#include "core/nn/swiglu.hpp"

#include "core/nn/linear.hpp"
#include "core/ops/swiglu.hpp"

namespace sluice {
namespace {

// Without row weights: an undefined tensor.
struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& gate_up,
                            const std::optional<at::Tensor>& row_weights) {
    const at::Tensor weights = row_weights.value_or(at::Tensor());
    ctx->save_for_backward({gate_up, weights});
    return ops::swiglu(gate_up, weights);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const ops::SwigluGradients gradients = ops::swiglu_backward(grads[0].contiguous(), saved[0], saved[1]);
    return {gradients.d_gate_up, gradients.d_row_weights};
  }
};

}  // namespace

at::Tensor swiglu_activation(const at::Tensor& gate_up, const at::Tensor& row_weights) {
  std::optional<at::Tensor> weights;
  if (row_weights.defined()) weights = row_weights.contiguous();
  return SwigluFunction::apply(gate_up.contiguous(), weights);
}

DenseFeedForward::DenseFeedForward(const std::vector<ModelTensor>& tensors, const at::TensorOptions& options)
    : gate_up(Parameter::of_rows(name_of(tensors[0].id) + "+up", {tensors[0], tensors[1]}, options)),
      down(Parameter::of(tensors[2], options)) {}

SlotOutput DenseFeedForward::forward(const at::Tensor& x, const RowTable&, const StepContext&) {
  return {linear(swiglu_activation(linear(x, gate_up, gate_up_numerics)), down, down_numerics), std::nullopt};
}

void DenseFeedForward::collect(std::vector<Parameter*>& parameters) {
  parameters.push_back(&gate_up);
  parameters.push_back(&down);
}

}  // namespace sluice
