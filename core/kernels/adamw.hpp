// AdamW (Loshchilov and Hutter, 2019) with PyTorch's formula and order of operations, in one pass over memory. A: float or double.
#pragma once

#include <cstdint>

namespace sluice::kernels {

/// The numbers of one step, the same for a whole parameter group.
struct AdamwStep {
  double learning_rate = 0;
  double beta1 = 0.9, beta2 = 0.999;
  double eps = 1e-8;
  double weight_decay = 0;
  double bias_correction1 = 1, bias_correction2 = 1;  // 1 - beta1^t and 1 - beta2^t, where t is 1 at the first step
  double grad_scale = 1;                              // the gradient is multiplied by it before anything else (clipping)

  bool operator==(const AdamwStep&) const = default;
};

/// Returns `step` with the bias corrections for t = `updates`, which is 1 for the first update.
AdamwStep corrected(AdamwStep step, std::int64_t updates);

/// Updates n elements of param, exp_avg and exp_avg_sq in place. With g = grad * grad_scale:
///   param -= learning_rate * weight_decay * param
///   exp_avg += (1 - beta1) * (g - exp_avg);  exp_avg_sq = beta2 * exp_avg_sq + (1 - beta2) * g^2
///   param -= learning_rate / bias_correction1 * exp_avg / (sqrt(exp_avg_sq) / sqrt(bias_correction2) + eps)
template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const AdamwStep& step);

/// The same step for a matrix [rows, columns] whose rows (or columns) have had different numbers of updates. updates[i] is the t of row
/// (column) i, this update included; the bias corrections are computed from it, and those in `step` are ignored.
template <class A>
void adamw_step_by_row(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t rows, std::int64_t columns,
                       const std::int64_t* updates, const AdamwStep& step);
template <class A>
void adamw_step_by_column(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t rows, std::int64_t columns,
                          const std::int64_t* updates, const AdamwStep& step);

namespace reference {

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const AdamwStep& step);
/// The same step, where updates[i] is the t of element i; the bias corrections in `step` are ignored.
template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const std::int64_t* updates, const AdamwStep& step);

}  // namespace reference
}  // namespace sluice::kernels
