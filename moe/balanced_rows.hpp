// Router rows that share out given inputs evenly. Values only; no ranks. All computations are in float64.
// Legend: N inputs, D width, E rows, k rows that an input chooses: those with its k largest logits.
//
// Rows drawn at random do not share out inputs evenly. Inputs have much in common and vary along few strong directions, so the same few
// rows win nearly always. Balanced rows are drawn at random too. Their logits are then given equal spread, and each row gets a multiple of
// the common direction, the one along which inputs are most alike. This acts as a bias, and it is chosen so that the row's share of the
// choices is even. Such rows still choose by the strong directions. Rows for which all directions count alike (whitened) share out inputs
// as evenly, but they choose by what is noise in an input, and models trained with them are far worse (tests/bench/RESULTS.md).
//
// Shares are counted softly and the steps follow a fixed schedule, so rows are a continuous function of the inputs: inputs that differ by
// rounding give rows that differ by rounding.
#pragma once

#include "core/tensor/tensor.hpp"
#include "moe/plan/moe_config.hpp"

#include <cstdint>

namespace sluice::moe {

/// The inputs of a router, and how they are distributed.
struct RouterInputs {
  at::Tensor x;           // [N, D] float64
  double variance = 0.0;  // sum of the variances of all D coordinates; 0 if the inputs differ by rounding only
  at::Tensor common;      // [D], such that x . common is 1 on average and varies least; undefined if the mean of x is close to 0
};
RouterInputs router_inputs(const at::Tensor& x);

/// By which keys a router chooses: by its logits, or, if it has a selection bias [E] (float64), by its scores plus the bias.
struct Selection {
  ScoreFunction score_func = ScoreFunction::kSoftmax;
  at::Tensor bias;  // undefined: none
};
/// Returns the keys [N, E], of which the k largest are chosen, for logits [N, E].
at::Tensor selection_keys(const at::Tensor& logits, const Selection& selection);

/// Returns [N, E]: whether each of the keys is among the k largest of its input, 1 or 0, or a part close to the border (soft_choice.hpp).
at::Tensor soft_choice(const at::Tensor& keys, std::int64_t k);

/// Returns rows [E, D] made from `noise` [E, D] (standard normal) that share out the inputs evenly, as far as the inputs allow, with logits
/// of standard deviation `spread`. `weights` [N], at least 0, say how much each input counts; if undefined, all count alike. If the inputs
/// that count are much more alike than all inputs are, the standard deviation is smaller, since rows become at most ten times as large as
/// random ones.
at::Tensor balanced_rows(const RouterInputs& inputs, const at::Tensor& noise, std::int64_t k, double spread,
                         const at::Tensor& weights = {});

/// Returns `rows` [E, D], each plus the multiple of the common direction that makes the rows share out the inputs evenly.
at::Tensor evened_rows(const RouterInputs& inputs, const at::Tensor& rows, std::int64_t k, const Selection& selection = {},
                       const at::Tensor& weights = {});

}  // namespace sluice::moe
