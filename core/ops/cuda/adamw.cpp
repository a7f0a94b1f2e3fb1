#include "core/kernels/cuda/adamw.hpp"

#include "core/ops/cuda/device.hpp"
#include "core/ops/cuda/forms.hpp"
#include "core/tensor/pointers.hpp"
#include "core/tensor/host_memory.hpp"

#include <cmath>

namespace sluice::ops {
namespace {

void whole(const AdamwOperands& p, const AdamwStep& step, const AdamwControl& control) {
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    kernels::cuda::adamw_step(device_data<A>(p.value), device_data<const A>(p.grad), device_data<A>(p.exp_avg),
                              device_data<A>(p.exp_avg_sq), device_data<kernels::BFloat16>(p.copy), p.value.numel(), step,
                              device_data<const double>(control), current_stream());
  });
}

// [2, slices]: the step sizes, and then the roots of bias correction 2. Copied to the device without waiting for it.
at::Tensor slice_factors(at::IntArrayRef updates, const AdamwStep& step, const at::TensorOptions& options) {
  const auto slices = static_cast<std::int64_t>(updates.size());
  const at::Tensor factors = at::empty({2, slices}, options);
  const HostMemory memory = from_host(factors);
  SLUICE_DISPATCH(factors.scalar_type(), [&] {
    const std::span<A> values = memory.as<A>();
    for (std::size_t i = 0; i < updates.size(); ++i) {
      const AdamwStep of_slice = corrected(step, updates[i]);
      values[i] = static_cast<A>(of_slice.learning_rate / of_slice.bias_correction1);
      values[updates.size() + i] = static_cast<A>(std::sqrt(of_slice.bias_correction2));
    }
  });
  memory.give_back();
  return factors;
}

void by_slice(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control, bool by_column) {
  const at::Tensor factors = slice_factors(updates, step, p.value.options());
  SLUICE_DISPATCH(p.value.scalar_type(), [&] {
    const A* const numbers = device_data<const A>(factors);
    kernels::cuda::adamw_step_by_slice(device_data<A>(p.value), device_data<const A>(p.grad), device_data<A>(p.exp_avg),
                                       device_data<A>(p.exp_avg_sq), device_data<kernels::BFloat16>(p.copy), p.value.size(0),
                                       p.value.size(1), by_column, numbers, numbers + updates.size(), step,
                                       device_data<const double>(control), current_stream());
  });
}

void by_row(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control) {
  by_slice(p, updates, step, control, false);
}

void by_column(const AdamwOperands& p, at::IntArrayRef updates, const AdamwStep& step, const AdamwControl& control) {
  by_slice(p, updates, step, control, true);
}

}  // namespace

void add_adamw_forms(CudaOperations& table) {
  table.adamw = whole;
  table.adamw_by_row = by_row;
  table.adamw_by_column = by_column;
}

}  // namespace sluice::ops
