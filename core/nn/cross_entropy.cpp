#include "core/nn/cross_entropy.hpp"

#include "core/nn/linear.hpp"
#include "core/ops/cross_entropy.hpp"
#include "core/tensor/accumulate_product.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_memory.hpp"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

// Calls work(begin, logits [count, V]) for blocks of rows of x w^T, all in one buffer that the next block overwrites.
template <class Work>
void for_each_logit_block(const at::Tensor& x, const at::Tensor& w, Workspaces* workspaces, const Work& work) {
  const std::int64_t rows = x.size(0), block = loss_block_rows(w.size(0));
  const Workspace buffer = borrow(workspaces, {std::min(rows, block), w.size(0)}, w.options());
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t count = std::min(block, rows - begin);
    at::Tensor logits = (*buffer).narrow(0, 0, count);
    at::mm_out(logits, x.narrow(0, begin, count), w.t());
    work(begin, logits);
  }
}

at::Tensor logits_of(const at::Tensor& x, Parameter& head, const Numerics& numerics) {
  return linear(x, head, numerics).to(head.value.scalar_type());
}

// nll of one block's rows; with scales [at least count], the logits become their gradient.
void block_cross_entropy(const at::Tensor& logits, const at::Tensor& targets, std::int64_t begin, const at::Tensor& nll,
                         const at::Tensor& scales) {
  const std::int64_t count = logits.size(0);
  ops::cross_entropy(logits, targets.narrow(0, begin, count), nll.narrow(0, begin, count),
                     scales.defined() ? scales.narrow(0, 0, count) : scales);
}

// The weight is what products see of `head`, or a transformed one (see LinearFunction in linear.cpp). Gradients of what requires none are
// not made.
struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weight,
                                                Parameter* head, bool is_own, const at::Tensor& targets, double scale, bool want_dx,
                                                bool want_dw, const char* term) {
    const at::Tensor w = is_own ? head->compute : weight.to(head->compute.scalar_type());
    const auto accumulate = at::TensorOptions().dtype(accumulate_type(w.scalar_type())).device(w.device());
    const at::Tensor nll = at::empty({x.size(0)}, accumulate), xp = x.to(w.scalar_type());
    at::Tensor dx, dw, scales;
    if (want_dx) dx = at::empty(x.sizes(), x.options().requires_grad(false));
    if (want_dx || want_dw) scales = at::full({loss_block_rows(w.size(0))}, scale, accumulate);
    std::optional<GradientWriter> writer;
    if (want_dw && is_own) writer.emplace(head->gradient);
    else if (want_dw) dw = at::zeros(w.sizes(), accumulate);
    Workspaces* const workspaces = head->gradient.workspaces();
    for_each_logit_block(xp, w, workspaces, [&](std::int64_t begin, const at::Tensor& logits) {
      block_cross_entropy(logits, targets, begin, nll, scales);
      const at::Tensor rows = xp.narrow(0, begin, logits.size(0));
      if (writer) writer->add_product(logits, rows);
      if (dw.defined()) accumulate_product(dw, logits, rows, begin == 0 ? 0.0 : 1.0, workspaces);
      if (!want_dx) return;
      at::Tensor out = dx.narrow(0, begin, logits.size(0));
      if (out.scalar_type() == logits.scalar_type()) at::mm_out(out, logits, w);
      else out.copy_(at::mm(logits, w));
    });
    ctx->save_for_backward({dx, dw});
    ctx->saved_data["term"] = std::string(term);
    ctx->mark_non_differentiable({nll});
    return {nll.sum() * scale, nll};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    require_one(grads[0], ctx->saved_data["term"].toStringRef());
    const auto saved = ctx->get_saved_variables();
    return {saved[0], saved[1], at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  // Read where it lies, so that no device is waited for; elsewhere the device itself stops at another value.
  static void require_one(const at::Tensor& incoming, const std::string& term) {
    const std::string rule = "term '" + term +
                             "': its gradient was made in forward and cannot be multiplied by what reaches it in backward, "
                             "which must be 1; a factor of a term is its coefficient";
    if (!incoming.device().is_cpu()) {
      if (!incoming.is_meta()) at::_assert_async(incoming == 1.0, rule);
      return;
    }
    const double value = incoming.scalar_type() == at::kDouble ? cpu_element<double>(incoming) : cpu_element<float>(incoming);
    TORCH_CHECK(value == 1.0, rule, ", not ", value);
  }
};

}  // namespace

std::int64_t loss_block_rows(std::int64_t vocabulary) {
  return std::max<std::int64_t>(64, (std::int64_t{1} << 21) / std::max<std::int64_t>(1, vocabulary));
}

at::Tensor linear_cross_entropy(const at::Tensor& x, const at::Tensor& targets, Parameter& head, double scale, at::Tensor* nll,
                                const Numerics& numerics, const char* term) {
  const at::Tensor input = numerics.input ? numerics.input(x) : x;
  const WeightInput weight = weight_input(head, numerics.weight);
  const bool records = at::GradMode::is_enabled();
  auto result = LinearCrossEntropyFunction::apply(input, weight.tensor, &head, weight.is_own, targets, scale,
                                                  records && input.requires_grad(), records && weight.tensor.requires_grad(), term);
  if (nll != nullptr) *nll = result[1];
  return result[0];
}

at::Tensor token_nll(const at::Tensor& x, const at::Tensor& targets, Parameter& head, const Numerics& numerics) {
  at::NoGradGuard no_grad;
  at::Tensor nll;
  linear_cross_entropy(x, targets, head, 1.0, &nll, numerics);
  return nll;
}

double max_logit_difference(const at::Tensor& x_a, Parameter& head_a, const Numerics& numerics_a, const at::Tensor& x_b, Parameter& head_b,
                            const Numerics& numerics_b) {
  at::NoGradGuard no_grad;
  const std::int64_t rows = x_a.size(0), block = loss_block_rows(head_a.value.size(0));
  double largest = 0.0;
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t count = std::min(block, rows - begin);
    at::Tensor difference = logits_of(x_a.narrow(0, begin, count), head_a, numerics_a);
    difference.sub_(logits_of(x_b.narrow(0, begin, count), head_b, numerics_b));
    const double most = difference.abs_().max().item<double>();
    if (std::isnan(most)) return most;
    largest = std::max(largest, most);
  }
  return largest;
}

}  // namespace sluice
