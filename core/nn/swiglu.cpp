#include "core/nn/swiglu.hpp"

#include "core/kernels/swiglu.hpp"
#include "core/nn/linear.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice {
namespace {

// Without row weights: an undefined tensor.
struct SwigluFunction : torch::autograd::Function<SwigluFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& gate_up, const std::optional<at::Tensor>& row_weights) {
    const std::int64_t width = gate_up.size(1) / 2;
    at::Tensor h = at::empty({gate_up.size(0), width}, gate_up.options());
    SLUICE_DISPATCH(gate_up.scalar_type(), [&] {
      kernels::swiglu_forward(data_of<const T>(gate_up), row_weights ? data_of<const A>(*row_weights) : nullptr, gate_up.size(0), width, data_of<T>(h));
    });
    ctx->save_for_backward({gate_up, row_weights.value_or(at::Tensor())});
    return h;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto saved = ctx->get_saved_variables();
    const at::Tensor &gate_up = saved[0], &row_weights = saved[1];
    const at::Tensor dh = grads[0].contiguous();
    at::Tensor d_gate_up = at::empty_like(gate_up), d_row_weights;
    if (row_weights.defined()) d_row_weights = at::empty_like(row_weights);
    SLUICE_DISPATCH(gate_up.scalar_type(), [&] {
      const bool weighted = row_weights.defined();
      kernels::swiglu_backward(data_of<const T>(dh), data_of<const T>(gate_up), weighted ? data_of<const A>(row_weights) : nullptr, gate_up.size(0),
                               gate_up.size(1) / 2, data_of<T>(d_gate_up), weighted ? data_of<A>(d_row_weights) : nullptr, static_cast<T*>(nullptr));
    });
    return {d_gate_up, d_row_weights};
  }
};

}  // namespace

at::Tensor swiglu_activation(const at::Tensor& gate_up, const at::Tensor& row_weights) {
  std::optional<at::Tensor> weights;
  if (row_weights.defined()) weights = row_weights.contiguous();
  return SwigluFunction::apply(gate_up.contiguous(), weights);
}

DenseFeedForward::DenseFeedForward(const std::string& prefix, std::int64_t hidden_size, std::int64_t intermediate_size, at::ScalarType type)
    : gate_up(Parameter::make(prefix + ".gate_up", {2 * intermediate_size, hidden_size}, type,
                              {{prefix + ".gate_proj.weight", 0, {intermediate_size, hidden_size}},
                               {prefix + ".up_proj.weight", intermediate_size * hidden_size, {intermediate_size, hidden_size}}})),
      down(Parameter::make(prefix + ".down_proj.weight", {hidden_size, intermediate_size}, type)) {}

SlotOutput DenseFeedForward::forward(const at::Tensor& x, const RowTable&, const StepContext&) {
  return {linear(swiglu_activation(linear(x, gate_up, gate_up_numerics)), down, down_numerics), std::nullopt};
}

void DenseFeedForward::collect(std::vector<Parameter*>& parameters) {
  parameters.push_back(&gate_up);
  parameters.push_back(&down);
}

}  // namespace sluice
