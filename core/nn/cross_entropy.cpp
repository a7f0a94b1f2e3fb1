#include "core/nn/cross_entropy.hpp"

#include "core/kernels/cross_entropy.hpp"
#include "core/nn/linear.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

at::Tensor composed_logits(const at::Tensor& x, Parameter& head, const Numerics& numerics) {
  return linear(x, head, numerics).to(head.value.scalar_type());
}

at::Tensor composed_nll(const at::Tensor& logits, const at::Tensor& targets) {
  return at::logsumexp(logits, 1) - logits.gather(1, targets.unsqueeze(1)).squeeze(1);
}

struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& targets,
                                                Parameter* head, double scale, bool with_gradient) {
    const std::int64_t rows = x.size(0), vocabulary = head->value.size(0);
    const auto accumulate = head->value.options().requires_grad(false);
    at::Tensor nll = at::empty({rows}, accumulate);
    at::Tensor dx = with_gradient ? at::empty_like(x) : at::Tensor();
    const at::Tensor scales = at::full({loss_block_rows(vocabulary)}, scale, accumulate);
    const at::Tensor xp = to_product(x);
    // One block's logits, reused: the gradient overwrites them in place.
    at::Tensor buffer = at::empty({std::min(rows, loss_block_rows(vocabulary)), vocabulary}, xp.options());
    for (std::int64_t begin = 0; begin < rows; begin += loss_block_rows(vocabulary)) {
      const std::int64_t count = std::min(loss_block_rows(vocabulary), rows - begin);
      const at::Tensor block = xp.narrow(0, begin, count);
      at::Tensor logits = buffer.narrow(0, 0, count);
      at::mm_out(logits, block, head->compute.t());
      SLUICE_DISPATCH(logits.scalar_type(), [&] {
        kernels::cross_entropy(data_of<T>(logits), data_of<const std::int64_t>(targets) + begin, count, vocabulary, data_of<A>(nll) + begin,
                               with_gradient ? data_of<const A>(scales) : nullptr);
      });
      if (!with_gradient) continue;
      head->add_product_gradient(logits, block);
      if (dx.scalar_type() == logits.scalar_type()) {
        at::Tensor out = dx.narrow(0, begin, count);
        at::mm_out(out, logits, head->compute);
      } else {
        dx.narrow(0, begin, count).copy_(at::mm(logits, head->compute));
      }
    }
    if (with_gradient) ctx->save_for_backward({dx});
    ctx->mark_non_differentiable({nll});
    return {nll.sum() * scale, nll};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list) {
    // The objective is a sum of terms with weight 1, so the incoming gradient is 1 and dx is already whole.
    return {ctx->get_saved_variables()[0], at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

}  // namespace

std::int64_t loss_block_rows(std::int64_t vocabulary) {
  return std::max<std::int64_t>(64, (std::int64_t{1} << 21) / std::max<std::int64_t>(1, vocabulary));
}

at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& targets, Parameter& head, double scale, at::Tensor* nll, const Numerics& numerics) {
  if (!numerics.empty()) {
    const at::Tensor rows = composed_nll(composed_logits(x, head, numerics), targets);
    if (nll != nullptr) *nll = rows.detach();
    return rows.sum() * scale;
  }
  const bool with_gradient = at::GradMode::is_enabled() && x.requires_grad();
  auto result = LinearCrossEntropyFunction::apply(x, targets, &head, scale, with_gradient);
  if (nll != nullptr) *nll = result[1];
  return result[0];
}

at::Tensor token_nll(const at::Tensor& x, const at::Tensor& targets, Parameter& head, const Numerics& numerics) {
  at::NoGradGuard no_grad;
  if (!numerics.empty()) return composed_nll(composed_logits(x, head, numerics), targets);
  const std::int64_t rows = x.size(0), vocabulary = head.value.size(0);
  at::Tensor nll = at::empty({rows}, head.value.options().requires_grad(false));
  for (std::int64_t begin = 0; begin < rows; begin += loss_block_rows(vocabulary)) {
    const std::int64_t count = std::min(loss_block_rows(vocabulary), rows - begin);
    const at::Tensor block = at::mm(to_product(x.narrow(0, begin, count)), head.compute.t());
    SLUICE_DISPATCH(block.scalar_type(), [&] {
      kernels::cross_entropy(data_of<T>(block), data_of<const std::int64_t>(targets) + begin, count, vocabulary, data_of<A>(nll) + begin,
                             static_cast<const A*>(nullptr));
    });
  }
  return nll;
}

double max_logit_difference(const at::Tensor& x_a, Parameter& head_a, const Numerics& numerics_a, const at::Tensor& x_b, Parameter& head_b,
                            const Numerics& numerics_b) {
  at::NoGradGuard no_grad;
  const std::int64_t rows = x_a.size(0), block = loss_block_rows(head_a.value.size(0));
  double largest = 0.0;
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t count = std::min(block, rows - begin);
    at::Tensor difference = composed_logits(x_a.narrow(0, begin, count), head_a, numerics_a);
    difference.sub_(composed_logits(x_b.narrow(0, begin, count), head_b, numerics_b));
    const double most = difference.abs_().max().item<double>();
    if (std::isnan(most)) return most;
    largest = std::max(largest, most);
  }
  return largest;
}

}  // namespace sluice
