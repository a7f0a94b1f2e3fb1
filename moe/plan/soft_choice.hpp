// Choices of the k largest, made soft, so that how often a router row is chosen is a continuous function of its logits; and shifts of rows
// that share out inputs evenly by them. Loops over plain doubles, without tensors. Used by moe/balanced_rows.hpp.
// Legend: N inputs, E rows.
#pragma once

#include "moe/plan/moe_config.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::moe {

/// The width of the soft border between chosen and not chosen at the end of evening, in standard deviations of the keys.
inline constexpr double kSoftBorder = 0.05;

/// Replaces the logits [E] of one input by what a router with a selection bias [E] takes the k largest of: the scores plus the bias.
void scores_with_bias(std::span<double> logits, ScoreFunction score_func, std::span<const double> bias);

/// Adds to choice [E] how much each of the keys [E] of one input is among the k largest, k < E: 1 or 0, and in between within `width` of
/// the middle between the k-th largest and the next. Times `weight`. `largest` is room for k + 1 numbers.
void add_soft_choice(std::span<const double> keys, std::int64_t k, double width, double weight, std::span<double> largest,
                     std::span<double> choice);

/// What evening looks at.
struct EveningInputs {
  std::span<const double> logits;                      // [N, E]
  std::span<const double> along;                       // [N] how far each input lies along the common direction
  std::span<const double> share;                       // [N] how much each input counts; they sum to 1
  std::span<const double> bias;                        // [E] of the selection; empty: the k largest logits are chosen
  ScoreFunction score_func = ScoreFunction::kSoftmax;  // where there is a bias
  std::int64_t k = 1;                                  // < E
  double spread = 0.0;                                 // standard deviation of the logits
  double key_spread = 0.0;                             // of what is chosen by
};

/// How much of the common direction each row [E] gets, so that all are chosen alike often: by a fixed number of rounds, each of which
/// lowers rows with more than an even share and raises the others.
std::vector<double> evening_shifts(const EveningInputs& inputs);

}  // namespace sluice::moe
