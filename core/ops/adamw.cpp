#include "core/ops/adamw.hpp"

#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

#include <cmath>
#include <optional>
#include <vector>

namespace sluice::ops {
namespace {

// The step with the factor of `control`, which is on the CPU; nothing if it says to leave all as it is.
std::optional<AdamwStep> controlled(AdamwStep step, const AdamwControl& control) {
  const auto* const numbers = data_of<const double>(control);
  step.grad_scale = numbers[0];
  return numbers[1] != 0.0 ? std::optional(step) : std::nullopt;
}

void write_copy(const AdamwOperands& p) {
  if (p.copy.defined()) p.copy.copy_(p.value);
}

void kernel_whole(const AdamwOperands& p, const AdamwStep& numbers, const AdamwControl& control) {
  const auto step = controlled(numbers, control);
  if (!step) return;
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::adamw_step(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(p.exp_avg), data_of<A>(p.exp_avg_sq), p.value.numel(),
                        *step);
  });
  write_copy(p);
}

void kernel_by_row(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& numbers, const AdamwControl& control) {
  const auto step = controlled(numbers, control);
  if (!step) return;
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::adamw_step_by_row(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(p.exp_avg), data_of<A>(p.exp_avg_sq),
                               p.value.size(0), p.value.size(1), updates.data(), *step);
  });
  write_copy(p);
}

void kernel_by_column(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& numbers, const AdamwControl& control) {
  const auto step = controlled(numbers, control);
  if (!step) return;
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::adamw_step_by_column(data_of<A>(p.value), data_of<const A>(p.grad), data_of<A>(p.exp_avg), data_of<A>(p.exp_avg_sq),
                                  p.value.size(0), p.value.size(1), updates.data(), *step);
  });
  write_copy(p);
}

// step_size and root_correction2 follow from the number of updates: each is a number, or a tensor with one number for each slice (row or
// column).
template <class Number>
void composed_update(const AdamwOperands& p, const AdamwStep& step, const AdamwControl& control, const Number& step_size,
                     const Number& root_correction2) {
  const at::Tensor g = p.grad * control.select(0, 0);
  const at::Tensor m = p.exp_avg.add(g - p.exp_avg, 1.0 - step.beta1);
  const at::Tensor v = (p.exp_avg_sq * step.beta2).addcmul_(g, g, 1.0 - step.beta2);
  const at::Tensor denominator = v.sqrt() / root_correction2 + step.eps;
  const at::Tensor value = p.value.mul(1.0 - step.learning_rate * step.weight_decay).sub(m * step_size / denominator);
  // Chosen, not multiplied: 0 x NaN is NaN.
  const at::Tensor changes = control.select(0, 1).ne(0.0).to(at::kLong).expand(p.value.sizes()).unsqueeze(0);
  const auto choose = [&](const at::Tensor& to, const at::Tensor& changed) {
    to.copy_(at::stack({to, changed}).gather(0, changes).squeeze(0));
  };
  choose(p.exp_avg, m);
  choose(p.exp_avg_sq, v);
  choose(p.value, value);
  write_copy(p);
}

void composed_whole(const AdamwOperands& p, const AdamwStep& step, const AdamwControl& control) {
  composed_update(p, step, control, step.learning_rate / step.bias_correction1, std::sqrt(step.bias_correction2));
}

// `shape` is the shape in which one number for each slice is broadcast over the matrix.
void composed_by_slice(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control,
                       at::IntArrayRef shape) {
  std::vector<double> step_sizes, roots;
  for (const std::int64_t count : updates) {
    const AdamwStep of_slice = corrected(step, count);
    step_sizes.push_back(of_slice.learning_rate / of_slice.bias_correction1);
    roots.push_back(std::sqrt(of_slice.bias_correction2));
  }
  composed_update(p, step, control, at::tensor(step_sizes, p.value.options()).view(shape),
                  at::tensor(roots, p.value.options()).view(shape));
}

void composed_by_row(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control) {
  composed_by_slice(p, updates, step, control, {p.value.size(0), 1});
}

void composed_by_column(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control) {
  composed_by_slice(p, updates, step, control, {1, p.value.size(1)});
}

void check(const char* operation, const AdamwOperands& p, const AdamwControl& control, at::IntArrayRef shape) {
  const Arguments arguments(operation, p.value);
  arguments.check("value", p.value, accumulate_type(p.value.scalar_type()), shape);
  arguments.check("grad", p.grad, p.value.scalar_type(), p.value.sizes());
  arguments.check("exp_avg", p.exp_avg, p.value.scalar_type(), p.value.sizes());
  arguments.check("exp_avg_sq", p.exp_avg_sq, p.value.scalar_type(), p.value.sizes());
  if (p.copy.defined()) arguments.check("copy", p.copy, at::kBFloat16, p.value.sizes());
  arguments.check("control", control, at::kDouble, {2});
}

}  // namespace

void adamw(const AdamwOperands& operands, const AdamwStep& step, const AdamwControl& control) {
  check("adamw", operands, control, {-1});
  run(operands.value, kernel_whole, composed_whole, cuda_operations().adamw, operands, step, control);
}

void adamw_by_row(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control) {
  check("adamw_by_row", operands, control, {static_cast<std::int64_t>(updates.size()), -1});
  run(operands.value, kernel_by_row, composed_by_row, cuda_operations().adamw_by_row, operands, updates, step, control);
}

void adamw_by_column(const AdamwOperands& operands, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control) {
  check("adamw_by_column", operands, control, {-1, static_cast<std::int64_t>(updates.size())});
  run(operands.value, kernel_by_column, composed_by_column, cuda_operations().adamw_by_column, operands, updates, step, control);
}

}  // namespace sluice::ops
