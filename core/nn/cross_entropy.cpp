// Legend: N rows, D model width, V vocabulary, b rows of one block of logits.
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
void for_each_logit_block(const at::Tensor& x_ND, const at::Tensor& w_VD, Workspaces* workspaces, const Work& work) {
  const std::int64_t rows = x_ND.size(0), block = loss_block_rows(w_VD.size(0), w_VD.device());
  const Workspace buffer_bV = borrow(workspaces, {std::min(rows, block), w_VD.size(0)}, w_VD.options());
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t count = std::min(block, rows - begin);
    at::Tensor logits_bV = (*buffer_bV).narrow(0, 0, count);
    at::mm_out(logits_bV, x_ND.narrow(0, begin, count), w_VD.t());
    work(begin, logits_bV);
  }
}

at::Tensor logits_of(const at::Tensor& x_ND, Parameter& head, const Numerics& numerics) {
  return linear(x_ND, head, numerics).to(head.value.scalar_type());
}

// nll of one block's rows; with scales [at least count], the logits become their gradient.
void block_cross_entropy(const at::Tensor& logits_bV, const at::Tensor& targets_N, std::int64_t begin, const at::Tensor& nll_N,
                         const at::Tensor& scales_b) {
  const std::int64_t count = logits_bV.size(0);
  ops::cross_entropy(logits_bV, targets_N.narrow(0, begin, count), nll_N.narrow(0, begin, count),
                     scales_b.defined() ? scales_b.narrow(0, 0, count) : scales_b);
}

// The weight is what products see of `head`, or a transformed one (see LinearFunction in linear.cpp). Gradients of what requires none are
// not made.
struct LinearCrossEntropyFunction : torch::autograd::Function<LinearCrossEntropyFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x_ND, const at::Tensor& weight_VD,
                                                Parameter* head, bool is_own, const at::Tensor& targets_N, double scale, bool want_dx,
                                                bool want_dw, const char* term) {
    const at::Tensor w_VD = is_own ? head->compute : weight_VD.to(head->compute.scalar_type());
    const auto accumulate = at::TensorOptions().dtype(accumulate_type(w_VD.scalar_type())).device(w_VD.device());
    const at::Tensor nll_N = at::empty({x_ND.size(0)}, accumulate), xp_ND = x_ND.to(w_VD.scalar_type());
    at::Tensor dx_ND, dw_VD, scales_b;
    if (want_dx) dx_ND = at::empty(x_ND.sizes(), x_ND.options().requires_grad(false));
    if (want_dx || want_dw) scales_b = at::full({loss_block_rows(w_VD.size(0), w_VD.device())}, scale, accumulate);
    std::optional<GradientWriter> writer;
    if (want_dw && is_own) writer.emplace(head->gradient);
    else if (want_dw) dw_VD = at::zeros(w_VD.sizes(), accumulate);
    Workspaces* const workspaces = head->gradient.workspaces();
    for_each_logit_block(xp_ND, w_VD, workspaces, [&](std::int64_t begin, const at::Tensor& logits_bV) {
      block_cross_entropy(logits_bV, targets_N, begin, nll_N, scales_b);
      const at::Tensor rows_bD = xp_ND.narrow(0, begin, logits_bV.size(0));
      if (writer) writer->add_product(logits_bV, rows_bD);
      if (dw_VD.defined()) accumulate_product(dw_VD, logits_bV, rows_bD, begin == 0 ? 0.0 : 1.0, workspaces);
      if (!want_dx) return;
      at::Tensor out_bD = dx_ND.narrow(0, begin, logits_bV.size(0));
      if (out_bD.scalar_type() == logits_bV.scalar_type()) at::mm_out(out_bD, logits_bV, w_VD);
      else out_bD.copy_(at::mm(logits_bV, w_VD));
    });
    ctx->save_for_backward({dx_ND, dw_VD});
    ctx->saved_data["term"] = std::string(term);
    ctx->mark_non_differentiable({nll_N});
    return {nll_N.sum() * scale, nll_N};
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

std::int64_t loss_block_rows(std::int64_t vocabulary, at::Device device) {
  return std::max<std::int64_t>(64, (std::int64_t{1} << (device.is_cuda() ? 27 : 21)) / std::max<std::int64_t>(1, vocabulary));
}

at::Tensor linear_cross_entropy(const at::Tensor& x_ND, const at::Tensor& targets_N, Parameter& head, double scale, at::Tensor* nll_N,
                                const Numerics& numerics, const char* term) {
  const at::Tensor input_ND = numerics.input ? numerics.input(x_ND) : x_ND;
  const WeightInput weight = weight_input(head, numerics.weight);
  const bool records = at::GradMode::is_enabled();
  auto result = LinearCrossEntropyFunction::apply(input_ND, weight.tensor, &head, weight.is_own, targets_N, scale,
                                                  records && input_ND.requires_grad(), records && weight.tensor.requires_grad(), term);
  if (nll_N != nullptr) *nll_N = result[1];
  return result[0];
}

at::Tensor token_nll(const at::Tensor& x_ND, const at::Tensor& targets_N, Parameter& head, const Numerics& numerics) {
  at::NoGradGuard no_grad;
  at::Tensor nll_N;
  linear_cross_entropy(x_ND, targets_N, head, 1.0, &nll_N, numerics);
  return nll_N;
}

double max_logit_difference(const at::Tensor& x_a_ND, Parameter& head_a, const Numerics& numerics_a, const at::Tensor& x_b_ND,
                            Parameter& head_b, const Numerics& numerics_b) {
  at::NoGradGuard no_grad;
  const std::int64_t rows = x_a_ND.size(0), block = loss_block_rows(head_a.value.size(0), head_a.value.device());
  double largest = 0.0;
  for (std::int64_t begin = 0; begin < rows; begin += block) {
    const std::int64_t count = std::min(block, rows - begin);
    at::Tensor difference_bV = logits_of(x_a_ND.narrow(0, begin, count), head_a, numerics_a);
    difference_bV.sub_(logits_of(x_b_ND.narrow(0, begin, count), head_b, numerics_b));
    const double most = difference_bV.abs_().max().item<double>();
    if (std::isnan(most)) return most;
    largest = std::max(largest, most);
  }
  return largest;
}

}  // namespace sluice
