// What decides where a row goes. Nothing here depends on where a row or an expert stands: equal rows of the weight give logits, and equal
// logits give scores, that are equal to the last bit, so no choice hangs on a rounding.
// Legend: N rows, D width, E experts (or families), K choices.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>

namespace sluice::ops {

/// x [N, D] times w [E, D] transposed -> [N, E] in the accumulation type (dtype_map.hpp) of x, which is that of w. Every dot product is
/// added up in one order that depends on D only.
at::Tensor router_logits(const at::Tensor& x, const at::Tensor& w);

/// 1 / (1 + exp(-logits)) of [N, E], float32 or float64.
at::Tensor sigmoid_scores(const at::Tensor& logits);

/// int64 [N, K]: per row the K experts of largest scores + bias, largest first, equal ones by ascending index; a NaN counts as lower than
/// everything else. scores [N, E] and bias [E], or undefined for none, float32 or float64. Throws if k is not in [0, E].
at::Tensor top_k(const at::Tensor& scores, const at::Tensor& bias, std::int64_t k);

}  // namespace sluice::ops
