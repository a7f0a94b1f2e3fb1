// AdamW (Loshchilov and Hutter, 2019) with PyTorch's formula (core/kernels/adamw.hpp), in place.
#pragma once

#include "core/kernels/adamw.hpp"
#include "core/tensor/tensor.hpp"

namespace sluice::ops {

using kernels::AdamwStep;
using kernels::corrected;

/// The tensors of one step: grad is read, the others are changed. All have one shape; all but `copy` one type, float32 or float64.
struct AdamwOperands {
  at::Tensor value, grad, exp_avg, exp_avg_sq;
  at::Tensor copy = {};  // bfloat16, gets the new values, rounded; undefined: none is wanted
};

/// What only the end of a step knows, on the device of the operands so that nobody waits for it: float64 [2], the factor of the gradient
/// (clipping) and 1, or 0 to leave all operands as they are. AdamwStep::grad_scale is ignored.
using AdamwControl = at::Tensor;

/// One step of n elements [n], all with the bias corrections in `step`.
void adamw(const AdamwOperands& operands, const AdamwStep& step, const AdamwControl& control);

/// The same step for a matrix [rows, columns] whose rows (or columns) have had different numbers of updates. updates[i] is that number for
/// row (column) i, this update included; the bias corrections are computed from it, and those in `step` are ignored.
void adamw_by_row(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control);
void adamw_by_column(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control);

}  // namespace sluice::ops
