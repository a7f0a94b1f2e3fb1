#include "core/kernels/cuda/adamw.hpp"

#include "core/base/integers.hpp"
#include "core/kernels/cuda/block.hpp"

namespace sluice::kernels::cuda {
namespace {

constexpr int kThreads = 256;

// The numbers of a step in the type of the elements.
template <class A>
struct Factors {
  A keep, weight1, beta2, weight2, step_size, root_correction2, eps;
};

template <class A>
Factors<A> factors_of(const AdamwStep& step) {
  return {static_cast<A>(1.0 - step.learning_rate * step.weight_decay),
          static_cast<A>(1.0 - step.beta1),
          static_cast<A>(step.beta2),
          static_cast<A>(1.0 - step.beta2),
          static_cast<A>(step.learning_rate / step.bias_correction1),
          static_cast<A>(std::sqrt(step.bias_correction2)),
          static_cast<A>(step.eps)};
}

template <class A>
__device__ void update(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t i, const Factors<A>& f,
                       const double* control, A step_size, A root_correction2) {
  if (control[1] == 0.0) return;
  const A g = grad[i] * static_cast<A>(control[0]);
  const A m = exp_avg[i] + f.weight1 * (g - exp_avg[i]);
  const A v = exp_avg_sq[i] * f.beta2 + f.weight2 * g * g;
  exp_avg[i] = m;
  exp_avg_sq[i] = v;
  const A value = param[i] * f.keep - step_size * m / (std::sqrt(v) / root_correction2 + f.eps);
  param[i] = value;
  if (copy != nullptr) copy[i] = to_bfloat16(static_cast<float>(value));
}

template <class A>
__global__ void update_elements(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t n, Factors<A> f,
                                const double* control) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i < n) update(param, grad, exp_avg, exp_avg_sq, copy, i, f, control, f.step_size, f.root_correction2);
}

template <class A>
__global__ void update_slices(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t n, std::int64_t columns,
                              bool by_column, const A* step_sizes, const A* root_corrections2, Factors<A> f, const double* control) {
  const std::int64_t i = static_cast<std::int64_t>(blockIdx.x) * kThreads + threadIdx.x;
  if (i >= n) return;
  const std::int64_t slice = by_column ? i % columns : i / columns;
  update(param, grad, exp_avg, exp_avg_sq, copy, i, f, control, step_sizes[slice], root_corrections2[slice]);
}

}  // namespace

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t n, const AdamwStep& step,
                const double* control, Stream stream) {
  launch(update_elements<A>, ceil_div(n, kThreads), kThreads, stream, param, grad, exp_avg, exp_avg_sq, copy, n, factors_of<A>(step),
         control);
}

template <class A>
void adamw_step_by_slice(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, BFloat16* copy, std::int64_t rows, std::int64_t columns,
                         bool by_column, const A* step_sizes, const A* root_corrections2, const AdamwStep& step, const double* control,
                         Stream stream) {
  launch(update_slices<A>, ceil_div(rows * columns, kThreads), kThreads, stream, param, grad, exp_avg, exp_avg_sq, copy, rows * columns,
         columns, by_column, step_sizes, root_corrections2, factors_of<A>(step), control);
}

#define SLUICE_INSTANTIATE(A)                                                                                              \
  template void adamw_step(A*, const A*, A*, A*, BFloat16*, std::int64_t, const AdamwStep&, const double*, Stream);        \
  template void adamw_step_by_slice(A*, const A*, A*, A*, BFloat16*, std::int64_t, std::int64_t, bool, const A*, const A*, \
                                    const AdamwStep&, const double*, Stream);
SLUICE_INSTANTIATE(float)
SLUICE_INSTANTIATE(double)
#undef SLUICE_INSTANTIATE

}  // namespace sluice::kernels::cuda
