#include "core/kernels/adamw.hpp"

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/adamw.inc"
#include "core/kernels/simd/for_each_isa.inc"

namespace sluice::kernels {

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const AdamwStep& step) {
  const auto block = SLUICE_FOR_THIS_CPU(adamw_block<A>);
  parallel_blocks(n, kBlockElements, [&](std::int64_t begin, std::int64_t end) {
    block(param + begin, grad + begin, exp_avg + begin, exp_avg_sq + begin, end - begin, step);
  });
}

namespace reference {

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const AdamwStep& step) {
  for (std::int64_t i = 0; i < n; ++i) {
    const double g = grad[i] * step.grad_scale;
    double p = param[i] * (1 - step.learning_rate * step.weight_decay);
    const double m = step.beta1 * exp_avg[i] + (1 - step.beta1) * g;
    const double v = step.beta2 * exp_avg_sq[i] + (1 - step.beta2) * g * g;
    p -= step.learning_rate / step.bias_correction1 * m / (std::sqrt(v) / std::sqrt(step.bias_correction2) + step.eps);
    param[i] = static_cast<A>(p);
    exp_avg[i] = static_cast<A>(m);
    exp_avg_sq[i] = static_cast<A>(v);
  }
}

}  // namespace reference

template void adamw_step(float*, const float*, float*, float*, std::int64_t, const AdamwStep&);
template void adamw_step(double*, const double*, double*, double*, std::int64_t, const AdamwStep&);
template void reference::adamw_step(float*, const float*, float*, float*, std::int64_t, const AdamwStep&);
template void reference::adamw_step(double*, const double*, double*, double*, std::int64_t, const AdamwStep&);

}  // namespace sluice::kernels
