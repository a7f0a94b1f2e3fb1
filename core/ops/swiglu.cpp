#include "core/ops/swiglu.hpp"

#include "core/kernels/swiglu.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void kernel_forward(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h) {
  SLUICE_DISPATCH(h.scalar_type(), [&] {
    kernels::swiglu_forward(data_of<const T>(gate_up), data_or_null<const A>(row_weights), h.size(0), h.size(1), data_of<T>(h));
  });
}

void kernel_backward(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
                     const at::Tensor& d_row_weights, const at::Tensor& h) {
  SLUICE_DISPATCH(dh.scalar_type(), [&] {
    kernels::swiglu_backward(data_of<const T>(dh), data_of<const T>(gate_up), data_or_null<const A>(row_weights), dh.size(0), dh.size(1),
                             data_of<T>(d_gate_up), data_or_null<A>(d_row_weights), data_or_null<T>(h));
  });
}

// The gates and the ups, [R, F] each, in the accumulation type.
std::pair<at::Tensor, at::Tensor> wide_halves(const at::Tensor& gate_up) {
  const at::Tensor wide = gate_up.to(accumulate_type(gate_up.scalar_type()));
  const std::int64_t width = gate_up.size(1) / 2;
  return {wide.narrow(1, 0, width), wide.narrow(1, width, width)};
}

at::Tensor weighted(const at::Tensor& rows, const at::Tensor& row_weights) {
  return row_weights.defined() ? rows * row_weights.unsqueeze(1) : rows;
}

void composed_forward(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h) {
  const auto [gate, up] = wide_halves(gate_up);
  h.copy_(weighted(gate * gate.sigmoid() * up, row_weights));
}

void composed_backward(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
                       const at::Tensor& d_row_weights, const at::Tensor& h) {
  const auto [gate, up] = wide_halves(gate_up);
  const at::Tensor sigmoid = gate.sigmoid(), silu = gate * sigmoid, unweighted = silu * up;
  const at::Tensor incoming = dh.to(gate.scalar_type()), gradient = weighted(incoming, row_weights);
  d_gate_up.narrow(1, 0, dh.size(1)).copy_(gradient * up * (sigmoid * (1.0 + gate * (1.0 - sigmoid))));
  d_gate_up.narrow(1, dh.size(1), dh.size(1)).copy_(gradient * silu);
  if (d_row_weights.defined()) d_row_weights.copy_((incoming * unweighted).sum(1));
  if (h.defined()) h.copy_(weighted(unweighted, row_weights));
}

}  // namespace

at::Tensor swiglu(const at::Tensor& gate_up, const at::Tensor& row_weights) {
  Arguments("swiglu", gate_up).check_values("gate_up", gate_up, {-1, -1});
  at::Tensor h = at::empty({gate_up.size(0), gate_up.size(1) / 2}, gate_up.options());
  swiglu_out(gate_up, row_weights, h);
  return h;
}

void swiglu_out(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h) {
  const Arguments arguments("swiglu", h);
  arguments.check_values("h", h, {-1, -1});
  arguments.check("gate_up", gate_up, h.scalar_type(), {h.size(0), 2 * h.size(1)});
  arguments.check_if_there("row_weights", row_weights, accumulate_type(h.scalar_type()), {h.size(0)});
  run(h, kernel_forward, composed_forward, cuda_operations().swiglu, gate_up, row_weights, h);
}

SwigluGradients swiglu_backward(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights) {
  SwigluGradients result{at::empty_like(gate_up), row_weights.defined() ? at::empty_like(row_weights) : at::Tensor()};
  swiglu_backward_out(dh, gate_up, row_weights, result.d_gate_up, result.d_row_weights, at::Tensor());
  return result;
}

void swiglu_backward_out(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
                         const at::Tensor& d_row_weights, const at::Tensor& h) {
  const Arguments arguments("swiglu_backward", dh);
  arguments.check_values("dh", dh, {-1, -1});
  arguments.check("gate_up", gate_up, dh.scalar_type(), {dh.size(0), 2 * dh.size(1)});
  arguments.check_if_there("row_weights", row_weights, accumulate_type(dh.scalar_type()), {dh.size(0)});
  arguments.check("d_gate_up", d_gate_up, dh.scalar_type(), gate_up.sizes());
  arguments.check_if_there("d_row_weights", d_row_weights, accumulate_type(dh.scalar_type()), {dh.size(0)});
  arguments.check_if_there("h", h, dh.scalar_type(), dh.sizes());
  run(dh, kernel_backward, composed_backward, cuda_operations().swiglu_backward, dh, gate_up, row_weights, d_gate_up, d_row_weights, h);
}

}  // namespace sluice::ops
