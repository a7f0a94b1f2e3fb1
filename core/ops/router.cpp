#include "core/ops/router.hpp"

#include "core/kernels/router_logits.hpp"
#include "core/kernels/top_k.hpp"
#include "core/ops/arguments.hpp"
#include "core/ops/backend.hpp"
#include "core/ops/cuda.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/pointers.hpp"

#include <algorithm>
#include <limits>

namespace sluice::ops {
namespace {

void kernel_logits(const at::Tensor& x, const at::Tensor& w, const at::Tensor& logits) {
  SLUICE_DISPATCH(x.scalar_type(), [&] {
    kernels::router_logits(data_of<const T>(x), data_of<const A>(w), x.size(0), w.size(0), x.size(1), data_of<A>(logits));
  });
}

// The products of elements are written out in float64 and then added up by halves: the upper half of the columns is added to the lower
// half until one column is left. A matrix product, or ATen's sum, may add in another order at another position or for another size.
void composed_logits(const at::Tensor& x, const at::Tensor& w, const at::Tensor& logits) {
  constexpr std::int64_t kElements = std::int64_t{1} << 22;  // products that exist at the same time
  const at::Tensor weights = w.to(at::kDouble).unsqueeze(0);
  const std::int64_t piece = std::max<std::int64_t>(1, kElements / std::max<std::int64_t>(1, w.numel()));
  for (std::int64_t begin = 0; begin < x.size(0); begin += piece) {
    const std::int64_t count = std::min(piece, x.size(0) - begin);
    const at::Tensor sums = x.narrow(0, begin, count).to(at::kDouble).unsqueeze(1) * weights;  // [count, E, D]
    for (std::int64_t left = x.size(1); left > 1; left -= left / 2)
      sums.narrow(2, 0, left / 2).add_(sums.narrow(2, left - left / 2, left / 2));
    logits.narrow(0, begin, count).copy_(sums.select(2, 0));
  }
}

// The CPU has no kernel of its own for these two: within a row ATen's give equal logits equal scores, wherever they stand.
void composed_softmax(const at::Tensor& logits, const at::Tensor& scores, const at::Tensor& log_sums) {
  at::Tensor out = scores;
  at::_softmax_out(out, logits, 1, false);
  // As at::logsumexp, which the meta device lacks a part of.
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const at::Tensor largest = logits.amax(1, true),
                   shift = largest.masked_fill(largest == kInfinity, 0.0).masked_fill_(largest == -kInfinity, 0.0);
  log_sums.copy_((logits - shift).exp_().sum(1).log_().add_(shift.squeeze(1)));
}

void composed_softmax_backward(const at::Tensor& dscores, const at::Tensor& dlog_sums, const at::Tensor& logits, const at::Tensor& scores,
                               const at::Tensor& log_sums, const at::Tensor& dlogits) {
  at::Tensor out = dlogits;
  if (dscores.defined()) at::_softmax_backward_data_out(out, dscores, scores, 1, logits.scalar_type());
  if (!dlog_sums.defined()) return;
  const at::Tensor pull = dlog_sums.unsqueeze(1) * (logits - log_sums.unsqueeze(1)).exp();
  if (dscores.defined()) out.add_(pull);
  else out.copy_(pull);
}

void kernel_sigmoid(const at::Tensor& logits, const at::Tensor& scores) {
  SLUICE_DISPATCH(logits.scalar_type(),
                  [&] { kernels::row_sigmoid(data_of<const A>(logits), logits.size(0), logits.size(1), data_of<A>(scores)); });
}

// Not at::sigmoid, which computes the last elements of a block in another way than the others (seen with LibTorch 2.13). at::exp does not.
void composed_sigmoid(const at::Tensor& logits, const at::Tensor& scores) { scores.copy_(1.0 / (1.0 + (-logits.to(at::kDouble)).exp())); }

void kernel_top_k(const at::Tensor& scores, const at::Tensor& bias, const at::Tensor& experts) {
  const at::Tensor narrow = at::empty(experts.sizes(), experts.options().dtype(at::kInt));
  SLUICE_DISPATCH(scores.scalar_type(), [&] {
    kernels::top_k(data_of<const A>(scores), data_or_null<const A>(bias), scores.size(0), scores.size(1), experts.size(1),
                   data_of<std::int32_t>(narrow));
  });
  experts.copy_(narrow);
}

// Sorts the negated scores in ascending order: a sort puts NaN last, and a stable sort keeps experts with equal scores in order.
void composed_top_k(const at::Tensor& scores, const at::Tensor& bias, const at::Tensor& experts) {
  const at::Tensor keys = bias.defined() ? scores + bias : scores;
  experts.copy_(std::get<1>(at::sort(-keys, /*stable=*/true, 1, /*descending=*/false)).narrow(1, 0, experts.size(1)));
}

}  // namespace

at::Tensor router_logits(const at::Tensor& x, const at::Tensor& w) {
  const Arguments arguments("router_logits", x);
  arguments.check_values("x", x, {-1, -1});
  arguments.check("w", w, accumulate_type(x.scalar_type()), {-1, x.size(1)});
  at::Tensor logits = at::empty({x.size(0), w.size(0)}, w.options());
  run(x, kernel_logits, composed_logits, cuda_operations().router_logits, x, w, logits);
  return logits;
}

SoftmaxScores softmax_scores(const at::Tensor& logits) {
  Arguments("softmax_scores", logits).check("logits", logits, accumulate_type(logits.scalar_type()), {-1, -1});
  const SoftmaxScores made{at::empty_like(logits), at::empty({logits.size(0)}, logits.options())};
  run(logits, composed_softmax, composed_softmax, cuda_operations().softmax_scores, logits, made.scores, made.log_sums);
  return made;
}

at::Tensor softmax_scores_backward(const at::Tensor& dscores, const at::Tensor& dlog_sums, const at::Tensor& logits,
                                   const SoftmaxScores& of) {
  const Arguments arguments("softmax_scores_backward", logits);
  const at::ScalarType type = accumulate_type(logits.scalar_type());
  const std::int64_t n = logits.size(0), experts = logits.size(1);
  arguments.check("logits", logits, type, {-1, -1});
  arguments.check("scores", of.scores, type, {n, experts});
  arguments.check("log_sums", of.log_sums, type, {n});
  arguments.check_if_there("dscores", dscores, type, {n, experts});
  arguments.check_if_there("dlog_sums", dlog_sums, type, {n});
  TORCH_CHECK(dscores.defined() || dlog_sums.defined(), "softmax_scores_backward: neither dscores nor dlog_sums is given");
  at::Tensor dlogits = at::empty_like(logits);
  run(logits, composed_softmax_backward, composed_softmax_backward, cuda_operations().softmax_scores_backward, dscores, dlog_sums, logits,
      of.scores, of.log_sums, dlogits);
  return dlogits;
}

at::Tensor sigmoid_scores(const at::Tensor& logits) {
  Arguments("sigmoid_scores", logits).check("logits", logits, accumulate_type(logits.scalar_type()), {-1, -1});
  at::Tensor scores = at::empty_like(logits);
  run(logits, kernel_sigmoid, composed_sigmoid, cuda_operations().sigmoid_scores, logits, scores);
  return scores;
}

at::Tensor top_k(const at::Tensor& scores, const at::Tensor& bias, std::int64_t k) {
  const Arguments arguments("top_k", scores);
  arguments.check("scores", scores, accumulate_type(scores.scalar_type()), {-1, -1});
  arguments.check_if_there("bias", bias, scores.scalar_type(), {scores.size(1)});
  at::Tensor experts = at::empty({scores.size(0), k}, scores.options().dtype(at::kLong));
  run(scores, kernel_top_k, composed_top_k, cuda_operations().top_k, scores, bias, experts);
  return experts;
}

}  // namespace sluice::ops
