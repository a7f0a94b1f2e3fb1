// SwiGLU (Shazeer, 2020) without biases: h = w * silu(gate) * up for rows gate_up [R, 2F] = [gate | up], with an optional weight w per row.
// Computed in the accumulation type (core/tensor/dtype_map.hpp) of gate_up and rounded once.
#pragma once

#include "core/tensor/tensor.hpp"

namespace sluice::ops {

/// Returns h [R, F]. row_weights [R] is in the accumulation type; if it is undefined, every weight is 1.
at::Tensor swiglu(const at::Tensor& gate_up, const at::Tensor& row_weights);
/// Writes the same to h [R, F].
void swiglu_out(const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& h);

struct SwigluGradients {
  at::Tensor d_gate_up, d_row_weights;  // [R, 2F] and [R]; d_row_weights is undefined if row_weights is
};
/// Returns the gradients from dh [R, F], the gradient of h.
SwigluGradients swiglu_backward(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights);
/// Writes the same gradients to d_gate_up and d_row_weights. Also computes h again and writes it to h [R, F], for the gradient of the
/// matrix that h is multiplied with. d_row_weights and h may be undefined if they are not wanted.
void swiglu_backward_out(const at::Tensor& dh, const at::Tensor& gate_up, const at::Tensor& row_weights, const at::Tensor& d_gate_up,
                         const at::Tensor& d_row_weights, const at::Tensor& h);

}  // namespace sluice::ops
