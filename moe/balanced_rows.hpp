// Router rows that share out given inputs evenly. Values only; no ranks.
// Legend: N inputs, D width, E rows, k rows that an input chooses: those of its k largest logits.
//
// Rows drawn at random do not: inputs have much in common and few strong directions, so that the same few rows win nearly always.
// Balanced rows are drawn at random too, made equal in the spread of their logits, and each gets as much of the direction along which
// inputs are most alike, which acts as a bias, as makes its share of the choices even. They choose by the strong directions, as random
// rows do: rows that make all directions count alike (whitened) share out as evenly, but choose by what is noise in an input, and what
// is trained behind them is far worse (tests/bench/RESULTS.md).
// Shares are counted softly and steps follow a fixed schedule, so that rows are a continuous function of the inputs: inputs that differ
// by rounding give rows that differ by rounding. All in float64.
#pragma once

#include "core/tensor/tensor.hpp"
#include "moe/plan/moe_config.hpp"

#include <cstdint>

namespace sluice::moe {

/// Inputs, and how they lie.
struct RouterInputs {
  at::Tensor x;           // [N, D]
  double variance = 0.0;  // of all coordinates together; 0 if inputs differ by no more than rounding
  at::Tensor common;      // [D] x common is near 1, on average 1: the best such direction; undefined if the mean is next to nothing
};
RouterInputs router_inputs(const at::Tensor& x);

/// By what a router chooses: logits, or with a selection bias [E] (float64) the scores plus it.
struct Selection {
  ScoreFunction score_func = ScoreFunction::kSoftmax;
  at::Tensor bias;  // undefined: none
};
/// logits [N, E] -> what the k largest are taken of.
at::Tensor selection_keys(const at::Tensor& logits, const Selection& selection);

/// [N, E]: whether each of `keys` is among its row's k largest: 1 or 0, and in between near the border to the next one.
at::Tensor soft_choice(const at::Tensor& keys, std::int64_t k);

/// Rows [E, D] made of `noise` [E, D] (standard normal), each with logits of standard deviation `spread`, that share out the inputs
/// evenly, as far as these allow. `weights` [N], at least 0: how much an input counts; undefined: all alike. Where those that count are
/// much more alike than all inputs are, the spread is less: rows ten times as large as random ones at most.
at::Tensor balanced_rows(const RouterInputs& inputs, const at::Tensor& noise, std::int64_t k, double spread,
                         const at::Tensor& weights = {});

/// `rows` [E, D] with as much of the common direction added to each as shares out the inputs evenly.
at::Tensor evened_rows(const RouterInputs& inputs, const at::Tensor& rows, std::int64_t k, const Selection& selection = {},
                       const at::Tensor& weights = {});

}  // namespace sluice::moe
