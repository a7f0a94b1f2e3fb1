#include "moe/balanced_rows.hpp"

#include "core/tensor/host_memory.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

namespace sluice::moe {
namespace {

// Directions whose variance is below so much of the mean variance count as if it were that.
constexpr double kLeastVariance = 0.03;
// The squared mean of the inputs over their variance along the common direction from which on that acts as a bias.
constexpr double kLeastCommon = 0.01;
// The schedule of evening, measured on dense models of 100 steps with 8 to 128 rows: more rounds or a finer border even no better
// on other inputs. Steps and the width of the border are in standard deviations of logits, from the first round's to the last's.
constexpr int kRounds = 120;
constexpr double kFirstStep = 0.5, kLastStep = 0.02;
constexpr double kFirstBorder = 0.5, kLastBorder = 0.05;
// Logits of random rows spread over the inputs that count at least so much of how far they do over all.
constexpr double kLeastSpread = 0.1;
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

// The middle between the k-th and the next largest of `count` keys, count > k. `largest` has room for k + 1.
double border_of(const double* keys, std::int64_t count, std::int64_t k, double* largest) {
  std::fill_n(largest, k + 1, -std::numeric_limits<double>::infinity());
  for (std::int64_t e = 0; e < count; ++e) {
    if (!(keys[e] > largest[k])) continue;
    std::int64_t i = k;
    for (; i > 0 && largest[i - 1] < keys[e]; --i) largest[i] = largest[i - 1];
    largest[i] = keys[e];
  }
  return 0.5 * (largest[k - 1] + largest[k]);
}

// out(e, how much e is among the k largest) for every e that is at all.
template <class Out>
void choose_softly(const double* keys, std::int64_t count, std::int64_t k, double width, double* largest, const Out& out) {
  const double border = border_of(keys, count, k, largest);
  for (std::int64_t e = 0; e < count; ++e) {
    const double z = (keys[e] - border) / width;
    if (z > -1.0) out(e, ramp(z));
  }
}

void to_keys(double* logits, std::int64_t count, const Selection& selection, const double* bias) {
  if (selection.score_func == ScoreFunction::kSigmoid) {
    for (std::int64_t e = 0; e < count; ++e) logits[e] = 1.0 / (1.0 + std::exp(-logits[e])) + bias[e];
    return;
  }
  const double most = *std::max_element(logits, logits + count);
  double sum = 0.0;
  for (std::int64_t e = 0; e < count; ++e) sum += logits[e] = std::exp(logits[e] - most);
  for (std::int64_t e = 0; e < count; ++e) logits[e] = logits[e] / sum + bias[e];
}

at::Tensor shares(const at::Tensor& x, const at::Tensor& weights) {
  if (!weights.defined()) return at::full({x.size(0)}, 1.0 / static_cast<double>(x.size(0)), x.options());
  return (weights / weights.sum()).contiguous();
}

// The standard deviation of each column of values [N, E].
at::Tensor spread_of(const at::Tensor& values, const at::Tensor& share) {
  const at::Tensor centred = values - at::mv(values.t(), share);
  return at::mv(centred.square().t(), share).sqrt();
}

}  // namespace

RouterInputs router_inputs(const at::Tensor& x) {
  RouterInputs inputs;
  inputs.x = x;
  const at::Tensor mean = x.mean(0), centred = x - mean;
  const at::Tensor covariance = at::mm(centred.t(), centred) / static_cast<double>(x.size(0));
  const double variance = covariance.trace().item<double>() / static_cast<double>(x.size(1));
  // What is left of equal inputs is rounding.
  if (!(variance > 1e-20 * mean.square().mean().item<double>())) return inputs;
  inputs.variance = variance * static_cast<double>(x.size(1));
  const at::Tensor factor = at::linalg_cholesky(covariance + kLeastVariance * variance * at::eye(x.size(1), x.options()));
  const at::Tensor towards = at::cholesky_solve(mean.unsqueeze(1), factor).squeeze(1);
  const double along = towards.dot(mean).item<double>();
  if (along > kLeastCommon) inputs.common = towards / along;
  return inputs;
}

at::Tensor selection_keys(const at::Tensor& logits, const Selection& selection) {
  if (!selection.bias.defined()) return logits;
  at::Tensor keys = logits.clone(at::MemoryFormat::Contiguous);
  const HostMemory memory = to_host(keys), bias = to_host(selection.bias);
  for (std::int64_t t = 0; t < keys.size(0); ++t)
    to_keys(memory.as<double>().data() + t * keys.size(1), keys.size(1), selection, bias.as<const double>().data());
  memory.give_back();
  return keys;
}

at::Tensor soft_choice(const at::Tensor& keys, std::int64_t k) {
  if (k >= keys.size(1)) return at::ones_like(keys);
  at::Tensor choice = at::zeros_like(keys);
  const double width = kLastBorder * keys.std(0, false).mean().item<double>();
  const std::int64_t count = keys.size(1);
  std::vector<double> largest(static_cast<std::size_t>(k) + 1);
  const HostMemory from = to_host(keys), to = to_host(choice);
  for (std::int64_t t = 0; t < keys.size(0) && width > 0; ++t) {
    double* out = to.as<double>().data() + t * count;
    const double* row = from.as<const double>().data() + t * count;
    choose_softly(row, count, k, width, largest.data(), [&](std::int64_t e, double part) { out[e] = part; });
  }
  to.give_back();
  return choice;
}

at::Tensor balanced_rows(const RouterInputs& inputs, const at::Tensor& noise, std::int64_t k, double spread, const at::Tensor& weights) {
  if (inputs.variance == 0.0) return noise * (spread / std::sqrt(static_cast<double>(noise.size(1))));
  at::Tensor rows = noise;
  const at::Tensor share = shares(inputs.x, weights);
  const at::Tensor logits = at::mm(inputs.x, rows.t());
  if (inputs.common.defined()) rows = rows - at::mv(logits.t(), share).unsqueeze(1) * inputs.common;
  rows = rows * (spread / spread_of(at::mm(inputs.x, rows.t()), share).clamp_min(kLeastSpread * std::sqrt(inputs.variance))).unsqueeze(1);
  return evened_rows(inputs, rows, k, {}, weights);
}

at::Tensor evened_rows(const RouterInputs& inputs, const at::Tensor& rows, std::int64_t k, const Selection& selection, const at::Tensor& weights) {
  const std::int64_t n = inputs.x.size(0), count = rows.size(0);
  if (k >= count || !inputs.common.defined()) return rows;
  const at::Tensor share = shares(inputs.x, weights), logits = at::mm(inputs.x, rows.t()).contiguous(), common = at::mv(inputs.x, inputs.common);
  const double spread = spread_of(logits, share).mean().item<double>();
  const double key_spread = selection.bias.defined() ? spread_of(selection_keys(logits, selection), share).mean().item<double>() : spread;
  if (!(spread > 0) || !(key_spread > 0)) return rows;
  const HostMemory logits_memory = to_host(logits), common_memory = to_host(common), share_memory = to_host(share);
  const double* logit = logits_memory.as<const double>().data();
  const double* along = common_memory.as<const double>().data();
  const double* part = share_memory.as<const double>().data();
  const std::vector<double> biases = selection.bias.defined() ? values_of<double>(selection.bias) : std::vector<double>();
  const double* bias = biases.empty() ? nullptr : biases.data();
  const double even = static_cast<double>(k) / static_cast<double>(count);
  const auto columns = static_cast<std::size_t>(count);
  std::vector<double> added(columns), keys(columns), load(columns), largest(static_cast<std::size_t>(k) + 1);
  for (int round = 0; round < kRounds; ++round) {
    const double width = key_spread * between(kFirstBorder, kLastBorder, round);
    std::fill(load.begin(), load.end(), 0.0);
    for (std::int64_t t = 0; t < n; ++t) {
      for (std::size_t e = 0; e < columns; ++e) keys[e] = logit[static_cast<std::size_t>(t) * columns + e] + along[t] * added[e];
      if (bias != nullptr) to_keys(keys.data(), count, selection, bias);
      choose_softly(keys.data(), count, k, width, largest.data(), [&](std::int64_t e, double chosen) { load[static_cast<std::size_t>(e)] += part[t] * chosen; });
    }
    const double step = spread * between(kFirstStep, kLastStep, round);
    for (std::size_t e = 0; e < columns; ++e) added[e] -= step * std::log((load[e] / even + kLeastShare) / (1.0 + kLeastShare));
  }
  return rows + at::tensor(added, rows.options()).unsqueeze(1) * inputs.common;
}

}  // namespace sluice::moe
