// core/kernels/adamw.hpp on a CUDA device: the same operands in device memory and the same formula. Each function starts its work on the
// stream and does not wait for it. A: float or double. `control` is in device memory too: control[0] is the factor of the gradient, in
// place of AdamwStep::grad_scale, and with control[1] == 0 nothing is changed.
#pragma once

#include "core/kernels/adamw.hpp"
#include "core/kernels/bfloat16.hpp"
#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t n, const AdamwStep& step,
                const double* control, Stream stream);

/// The same step for a matrix [rows, columns] in which each row (or, if `by_column`, each column) has a step size, learning_rate /
/// bias_correction1, and a root of bias correction 2 of its own; those in `step` are ignored.
template <class A>
void adamw_step_by_slice(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t rows, std::int64_t columns,
                         bool by_column, const A* step_sizes, const A* root_corrections2, const AdamwStep& step, const double* control,
                         Stream stream);

}  // namespace sluice::kernels::cuda
