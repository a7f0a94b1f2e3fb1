// SwiGLU without biases: h = w * silu(gate) * up for rows gate_up [R, 2F] = [gate | up], with an optional weight w per row. Computed in
// the accumulation type (dtype_map.hpp) of gate_up and rounded once.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// h [R, F]. row_weights [R] in the accumulation type; undefined: 1.
at::Tensor swiglu(const at::Tensor& gate_up, const at::Tensor& row_weights);
/// The same into h.
void swiglu_out(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h);

struct SwigluGradients {
  at::Tensor d_gate_up, d_row_weights;  // the second undefined without row weights
};
/// From dh [R, F].
SwigluGradients swiglu_backward(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights);
/// The same into d_gate_up and d_row_weights, and, recomputed for the gradient of the weight behind it, h. The last two may be undefined.
void swiglu_backward_out(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
                         const at::Tensor& d_row_weights, const at::Tensor& h);

}  // namespace sluice::ops
