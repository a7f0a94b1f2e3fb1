// The choice of the k largest, made soft, so that how often a router row is chosen is a continuous function of its logits; and shifts of
// rows that make all rows chosen equally often. Loops over plain doubles, without tensors, for moe/balanced_rows.hpp. Legend: N inputs, E
// rows.
#pragma once

#include "moe/plan/moe_config.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace sluice::moe {

/// Half the width of the zone around the border between chosen and not chosen in which a choice counts in part, in standard deviations of
/// the keys. evening_shifts() begins with a wider zone and ends with this one.
inline constexpr double kSoftBorder = 0.05;

/// Replaces the logits [E] of one input by the keys from which a router with a selection bias [E] takes the k largest: the scores plus the
/// bias.
void scores_with_bias(std::span<double> logits, ScoreFunction score_func, std::span<const double> bias);

/// Adds to choice [E] how much each of the keys [E] of one input belongs to the k largest, times `weight`. The border is the middle between
/// the k-th largest key and the next. Keys more than `width` above it count 1, keys more than `width` below it 0, and those between them a
/// part. k must be less than E. `largest` is working memory for k + 1 numbers.
void add_soft_choice(std::span<const double> keys, std::int64_t k, double width, double weight, std::span<double> largest,
                     std::span<double> choice);

/// The operands of evening_shifts().
struct EveningInputs {
  std::span<const double> logits;                      // [N, E] row by row
  std::span<const double> along;                       // [N] how far each input lies along the common direction (RouterInputs::common)
  std::span<const double> share;                       // [N] how much each input counts; the sum is 1
  std::span<const double> bias;                        // [E] selection bias; empty: the k largest logits are chosen
  ScoreFunction score_func = ScoreFunction::kSoftmax;  // used only if there is a bias
  std::int64_t k = 1;                                  // choices of an input, less than E
  double spread = 0.0;                                 // standard deviation of the logits, the unit of the shifts' steps
  double key_spread = 0.0;  // standard deviation of the keys: of the logits, or with a bias of the scores plus the bias
};

/// Returns for each row [E] how much of the common direction is to be added to it so that all rows are chosen equally often. There is a
/// fixed number of rounds; each lowers the rows with more than an even share of the choices and raises the others.
std::vector<double> evening_shifts(const EveningInputs& inputs);

}  // namespace sluice::moe
