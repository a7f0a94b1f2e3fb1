// AdamW (Loshchilov and Hutter, 2019), PyTorch's formula, in place.
#pragma once

#include "core/kernels/adamw.hpp"
#include "core/tensor/tensor.hpp"

namespace sluice::ops {

using kernels::AdamwStep;
using kernels::corrected;

/// What one step reads (grad) and changes (the others): of one type, float32 or float64, and one shape.
struct AdamwOperands {
  at::Tensor value, grad, exp_avg, exp_avg_sq;
};

/// One step of a range of elements [n] that have all had as many updates: those of the bias corrections in `step`.
void adamw(const AdamwOperands& operands, const AdamwStep& step);

/// The same of a matrix [rows, columns] whose rows, or columns, have had different numbers of updates: updates[i] of row (column) i,
/// the present one included. The bias corrections follow from them; those of `step` are not read.
void adamw_by_row(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step);
void adamw_by_column(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step);

}  // namespace sluice::ops
