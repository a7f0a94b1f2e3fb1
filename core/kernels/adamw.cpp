#include "core/kernels/adamw.hpp"

#include "core/kernels/parallel_blocks.hpp"
#define SLUICE_ISA_BODY "core/kernels/adamw.inc"
#include "core/kernels/simd/for_each_isa.inc"

#include <unordered_map>
#include <vector>

namespace sluice::kernels {

AdamwStep corrected(AdamwStep step, std::int64_t updates) {
  step.bias_correction1 = 1.0 - std::pow(step.beta1, static_cast<double>(updates));
  step.bias_correction2 = 1.0 - std::pow(step.beta2, static_cast<double>(updates));
  return step;
}

namespace {

// The step of each slice (row or column). Most slices share a number of updates, so the costly powers are computed once for each number;
// `by_updates` holds them.
std::vector<const AdamwStep*> steps_of_slices(const AdamwStep& step, const std::int64_t* updates, std::int64_t slices,
                                              std::unordered_map<std::int64_t, AdamwStep>& by_updates) {
  std::vector<const AdamwStep*> steps;
  for (std::int64_t i = 0; i < slices; ++i) {
    auto found = by_updates.find(updates[i]);
    if (found == by_updates.end()) found = by_updates.emplace(updates[i], corrected(step, updates[i])).first;
    steps.push_back(&found->second);
  }
  return steps;
}

}  // namespace

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const AdamwStep& step) {
  const auto block = SLUICE_FOR_THIS_CPU(adamw_block<A>);
  parallel_blocks(n, kBlockElements, [&](std::int64_t begin, std::int64_t end) {
    block(param + begin, grad + begin, exp_avg + begin, exp_avg_sq + begin, end - begin, step);
  });
}

template <class A>
void adamw_step_by_row(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t rows, std::int64_t columns,
                       const std::int64_t* updates, const AdamwStep& step) {
  const auto block = SLUICE_FOR_THIS_CPU(adamw_block<A>);
  std::unordered_map<std::int64_t, AdamwStep> by_updates;
  const std::vector<const AdamwStep*> steps = steps_of_slices(step, updates, rows, by_updates);
  parallel_blocks(rows, rows_per_block(columns), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t i = row * columns;
      block(param + i, grad + i, exp_avg + i, exp_avg_sq + i, columns, *steps[static_cast<std::size_t>(row)]);
    }
  });
}

template <class A>
void adamw_step_by_column(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t rows, std::int64_t columns,
                          const std::int64_t* updates, const AdamwStep& step) {
  const auto block = SLUICE_FOR_THIS_CPU(adamw_columns_block<A>);
  std::unordered_map<std::int64_t, AdamwStep> by_updates;
  std::vector<A> step_sizes, root_corrections2;
  for (const AdamwStep* of_column : steps_of_slices(step, updates, columns, by_updates)) {
    step_sizes.push_back(static_cast<A>(of_column->learning_rate / of_column->bias_correction1));
    root_corrections2.push_back(static_cast<A>(std::sqrt(of_column->bias_correction2)));
  }
  parallel_blocks(rows, rows_per_block(columns), [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t row = begin; row < end; ++row) {
      const std::int64_t i = row * columns;
      block(param + i, grad + i, exp_avg + i, exp_avg_sq + i, columns, step, step_sizes.data(), root_corrections2.data());
    }
  });
}

namespace reference {

template <class A>
void adamw_step(A* param, const A* grad, A* exp_avg, A* exp_avg_sq, std::int64_t n, const std::int64_t* updates, const AdamwStep& step) {
  for (std::int64_t i = 0; i < n; ++i)
    reference::adamw_step(param + i, grad + i, exp_avg + i, exp_avg_sq + i, 1, corrected(step, updates[i]));
}

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
template void adamw_step_by_row(float*, const float*, float*, float*, std::int64_t, std::int64_t, const std::int64_t*, const AdamwStep&);
template void adamw_step_by_row(double*, const double*, double*, double*, std::int64_t, std::int64_t, const std::int64_t*,
                                const AdamwStep&);
template void adamw_step_by_column(float*, const float*, float*, float*, std::int64_t, std::int64_t, const std::int64_t*, const AdamwStep&);
template void adamw_step_by_column(double*, const double*, double*, double*, std::int64_t, std::int64_t, const std::int64_t*,
                                   const AdamwStep&);
template void reference::adamw_step(float*, const float*, float*, float*, std::int64_t, const AdamwStep&);
template void reference::adamw_step(double*, const double*, double*, double*, std::int64_t, const AdamwStep&);
template void reference::adamw_step(float*, const float*, float*, float*, std::int64_t, const std::int64_t*, const AdamwStep&);
template void reference::adamw_step(double*, const double*, double*, double*, std::int64_t, const std::int64_t*, const AdamwStep&);

}  // namespace sluice::kernels
