#include "core/ops/cross_entropy.hpp"

#include "core/kernels/cross_entropy.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

namespace sluice::ops {
namespace {

void kernel_form(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales) {
  SLUICE_DISPATCH(logits.scalar_type(), [&] {
    kernels::cross_entropy(data_of<T>(logits), data_of<const std::int64_t>(targets), logits.size(0), logits.size(1), data_of<A>(nll),
                           data_or_null<const A>(scales));
  });
}

void composed_form(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales) {
  const at::ScalarType accumulate = nll.scalar_type();
  const at::Tensor index = targets.clamp_min(0).unsqueeze(1), no_target = (targets < 0).unsqueeze(1);
  const at::Tensor wide = logits.to(accumulate), top = wide.amax(1, true);
  const at::Tensor exponentials = (wide - top).exp(), total = exponentials.sum(1, true, at::kDouble);
  const at::Tensor target_minus_top = wide.gather(1, index).to(at::kDouble) - top.to(at::kDouble);
  nll.copy_((total.log() - target_minus_top).masked_fill(no_target, 0.0).squeeze(1));
  if (!scales.defined()) return;
  const at::Tensor factor = scales.unsqueeze(1).to(at::kDouble);
  at::Tensor gradient = exponentials * (factor / total).to(accumulate);
  gradient.scatter_(1, index, ((target_minus_top.exp() / total - 1.0) * factor).to(accumulate));
  logits.copy_(gradient.masked_fill_(no_target, 0.0));
}

}  // namespace

void cross_entropy(const at::Tensor& logits, const at::Tensor& targets, const at::Tensor& nll, const at::Tensor& scales) {
  const Arguments arguments("cross_entropy", logits);
  arguments.check_values("logits", logits, {-1, -1});
  arguments.check("targets", targets, at::kLong, {logits.size(0)});
  arguments.check("nll", nll, accumulate_type(logits.scalar_type()), {logits.size(0)});
  arguments.check_if_there("scales", scales, nll.scalar_type(), {logits.size(0)});
  run(logits, kernel_form, composed_form, cuda_operations().cross_entropy, logits, targets, nll, scales);
}

}  // namespace sluice::ops
