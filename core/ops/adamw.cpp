#include "core/ops/adamw.hpp"

#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

#include <cmath>
#include <vector>

namespace sluice::ops {
namespace {

void kernel_whole(const AdamwOperands& p, const AdamwStep& step) {
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::adamw_step(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(p.exp_avg), data_of<A>(p.exp_avg_sq), p.value.numel(),
                        step);
  });
}

void kernel_by_row(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step) {
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::adamw_step_by_row(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(p.exp_avg), data_of<A>(p.exp_avg_sq),
                               p.value.size(0), p.value.size(1), updates.data(), step);
  });
}

void kernel_by_column(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step) {
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::adamw_step_by_column(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(p.exp_avg), data_of<A>(p.exp_avg_sq),
                                  p.value.size(0), p.value.size(1), updates.data(), step);
  });
}

// step_size and root_correction2 follow from the number of updates: each is a number, or a tensor with one number for each slice (row or
// column).
template <class Number>
void composed_update(const AdamwOperands& p, const AdamwStep& step, const Number& step_size, const Number& root_correction2) {
  const at::Tensor g = p.grad * step.grad_scale;
  p.exp_avg.add_(g - p.exp_avg, 1.0 - step.beta1);
  p.exp_avg_sq.mul_(step.beta2).addcmul_(g, g, 1.0 - step.beta2);
  const at::Tensor denominator = p.exp_avg_sq.sqrt() / root_correction2 + step.eps;
  p.value.mul_(1.0 - step.learning_rate * step.weight_decay).sub_(p.exp_avg * step_size / denominator);
}

void composed_whole(const AdamwOperands& p, const AdamwStep& step) {
  composed_update(p, step, step.learning_rate / step.bias_correction1, std::sqrt(step.bias_correction2));
}

// `shape` is the shape in which one number for each slice is broadcast over the matrix.
void composed_by_slice(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, at::IntArrayRef shape) {
  std::vector<double> step_sizes, roots;
  for (const std::int64_t count : updates) {
    const AdamwStep of_slice = corrected(step, count);
    step_sizes.push_back(of_slice.learning_rate / of_slice.bias_correction1);
    roots.push_back(std::sqrt(of_slice.bias_correction2));
  }
  composed_update(p, step, at::tensor(step_sizes, p.value.options()).view(shape), at::tensor(roots, p.value.options()).view(shape));
}

void composed_by_row(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step) {
  composed_by_slice(p, updates, step, {p.value.size(0), 1});
}

void composed_by_column(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step) {
  composed_by_slice(p, updates, step, {1, p.value.size(1)});
}

void check(const char* operation, const AdamwOperands& p, at::IntArrayRef shape) {
  const Arguments arguments(operation, p.value);
  arguments.check("value", p.value, accumulate_type(p.value.scalar_type()), shape);
  arguments.check("grad", p.grad, p.value.scalar_type(), p.value.sizes());
  arguments.check("exp_avg", p.exp_avg, p.value.scalar_type(), p.value.sizes());
  arguments.check("exp_avg_sq", p.exp_avg_sq, p.value.scalar_type(), p.value.sizes());
}

}  // namespace

void adamw(const AdamwOperands& operands, const AdamwStep& step) {
  check("adamw", operands, {-1});
  run(operands.value, kernel_whole, composed_whole, cuda_operations().adamw, operands, step);
}

void adamw_by_row(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step) {
  check("adamw_by_row", operands, {static_cast<std::int64_t>(updates.size()), -1});
  run(operands.value, kernel_by_row, composed_by_row, cuda_operations().adamw_by_row, operands, updates, step);
}

void adamw_by_column(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step) {
  check("adamw_by_column", operands, {-1, static_cast<std::int64_t>(updates.size())});
  run(operands.value, kernel_by_column, composed_by_column, cuda_operations().adamw_by_column, operands, updates, step);
}

}  // namespace sluice::ops
