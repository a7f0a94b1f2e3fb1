#include "moe/plan/soft_choice.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::moe {
namespace {

// The schedule of evening, measured on dense models of 100 steps with 8 to 128 rows: more rounds or a finer border even no better
// on other inputs. Steps and the width of the border are in standard deviations of logits, from the first round's to the last's.
constexpr int kRounds = 120;
constexpr double kFirstStep = 0.5, kLastStep = 0.02;
constexpr double kFirstBorder = 0.5, kLastBorder = kSoftBorder;
// A share counts as at least so much of an even one, so that a row without any does not leap.
constexpr double kLeastShare = 0.03;

double between(double first, double last, int round) { return first * std::pow(last / first, static_cast<double>(round) / (kRounds - 1)); }

// 0 up to -1, 1 from 1 on, smooth in between.
double ramp(double z) {
  if (z <= -1.0) return 0.0;
  if (z >= 1.0) return 1.0;
  const double t = 0.5 * (z + 1.0);
  return t * t * (3.0 - 2.0 * t);
}

// The middle between the k-th and the next largest.
double border_of(std::span<const double> keys, std::size_t k, std::span<double> largest) {
  std::fill_n(largest.begin(), k + 1, -std::numeric_limits<double>::infinity());
  for (const double key : keys) {
    if (!(key > largest[k])) continue;
    std::size_t i = k;
    for (; i > 0 && largest[i - 1] < key; --i) largest[i] = largest[i - 1];
    largest[i] = key;
  }
  return 0.5 * (largest[k - 1] + largest[k]);
}

}  // namespace

void scores_with_bias(std::span<double> logits, ScoreFunction score_func, std::span<const double> bias) {
  if (score_func == ScoreFunction::kSigmoid) {
    for (std::size_t e = 0; e < logits.size(); ++e) logits[e] = 1.0 / (1.0 + std::exp(-logits[e])) + bias[e];
    return;
  }
  const double most = *std::max_element(logits.begin(), logits.end());
  double sum = 0.0;
  for (double& logit : logits) sum += logit = std::exp(logit - most);
  for (std::size_t e = 0; e < logits.size(); ++e) logits[e] = logits[e] / sum + bias[e];
}

void add_soft_choice(std::span<const double> keys, std::int64_t k, double width, double weight, std::span<double> largest,
                     std::span<double> choice) {
  const double border = border_of(keys, static_cast<std::size_t>(k), largest);
  for (std::size_t e = 0; e < keys.size(); ++e) {
    const double z = (keys[e] - border) / width;
    if (z > -1.0) choice[e] += weight * ramp(z);
  }
}

std::vector<double> evening_shifts(const EveningInputs& inputs) {
  const std::size_t count = inputs.logits.size() / inputs.along.size();
  const double even = static_cast<double>(inputs.k) / static_cast<double>(count);
  std::vector<double> added(count), keys(count), load(count), largest(static_cast<std::size_t>(inputs.k) + 1);
  for (int round = 0; round < kRounds; ++round) {
    const double width = inputs.key_spread * between(kFirstBorder, kLastBorder, round);
    std::fill(load.begin(), load.end(), 0.0);
    for (std::size_t t = 0; t < inputs.along.size(); ++t) {
      for (std::size_t e = 0; e < count; ++e) keys[e] = inputs.logits[t * count + e] + inputs.along[t] * added[e];
      if (!inputs.bias.empty()) scores_with_bias(keys, inputs.score_func, inputs.bias);
      add_soft_choice(keys, inputs.k, width, inputs.share[t], largest, load);
    }
    const double step = inputs.spread * between(kFirstStep, kLastStep, round);
    for (std::size_t e = 0; e < count; ++e) added[e] -= step * std::log((load[e] / even + kLeastShare) / (1.0 + kLeastShare));
  }
  return added;
}

}  // namespace sluice::moe
