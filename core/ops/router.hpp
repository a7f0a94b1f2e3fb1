// The operations of the router, which decides to which experts a row goes. Results do not depend on the position of a row or an expert:
// equal rows of the weight give logits that are equal to the last bit, and equal logits give equal scores. So no choice of experts can
// change because a sum was rounded in another order.
// Legend: N rows, D width, E experts (or families of experts), K experts chosen per row.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

/// Returns the logits [N, E]: x [N, D] times w [E, D] transposed. w and the logits have the accumulation type (core/tensor/dtype_map.hpp)
/// of x. Every dot product is added up in one order that depends on D only.
at::Tensor router_logits(const at::Tensor& x, const at::Tensor& w);

struct SoftmaxScores {
  at::Tensor scores;    // [N, E], the softmax of each row
  at::Tensor log_sums;  // [N], log(sum over e of exp(logits[n, e])); its square is the z-loss of a row (arXiv:2202.08906)
};

/// The scores of logits [N, E], float32 or float64, in their type.
SoftmaxScores softmax_scores(const at::Tensor& logits);

/// Returns dlogits [N, E] of softmax_scores(): scores * (dscores - sum over e of dscores * scores) + dlog_sums * exp(logits - log_sums).
/// Either of dscores [N, E] (the gate weights' and the balance loss's) and dlog_sums [N] (the z-loss's) may be undefined, for 0, but not
/// both.
at::Tensor softmax_scores_backward(const at::Tensor& dscores, const at::Tensor& dlog_sums, const at::Tensor& logits,
                                   const SoftmaxScores& of);

/// Returns 1 / (1 + exp(-logits)) for logits [N, E], float32 or float64.
at::Tensor sigmoid_scores(const at::Tensor& logits);

/// Returns int64 [N, K]: for each row the K experts with the largest scores + bias, largest first; experts with equal values come in
/// ascending order, and a NaN counts as lower than everything else. scores [N, E] and bias [E], which may be undefined, are float32 or
/// float64. Throws if k is not in [0, E].
at::Tensor top_k(const at::Tensor& scores, const at::Tensor& bias, std::int64_t k);

}  // namespace sluice::ops
