#include "moe/balanced_rows.hpp"

#include "core/tensor/host_memory.hpp"
#include "moe/plan/soft_choice.hpp"

#include <cmath>
#include <span>
#include <vector>

namespace sluice::moe {
namespace {

// Directions whose variance is below so much of the mean variance count as if it were that.
constexpr double kLeastVariance = 0.03;
// The squared mean of the inputs over their variance along the common direction from which on that acts as a bias.
constexpr double kLeastCommon = 0.01;
// Logits of random rows spread over the inputs that count at least so much of how far they do over all.
constexpr double kLeastSpread = 0.1;

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
  const auto count = static_cast<std::size_t>(keys.size(1));
  const std::span<double> all = memory.as<double>();
  for (std::size_t begin = 0; begin < all.size(); begin += count)
    scores_with_bias(all.subspan(begin, count), selection.score_func, bias.as<const double>());
  memory.give_back();
  return keys;
}

at::Tensor soft_choice(const at::Tensor& keys, std::int64_t k) {
  if (k >= keys.size(1)) return at::ones_like(keys);
  at::Tensor choice = at::zeros_like(keys);
  const double width = kSoftBorder * keys.std(0, false).mean().item<double>();
  const auto count = static_cast<std::size_t>(keys.size(1));
  std::vector<double> largest(static_cast<std::size_t>(k) + 1);
  const HostMemory from = to_host(keys), to = to_host(choice);
  const std::span<const double> all = from.as<const double>();
  for (std::size_t begin = 0; begin < all.size() && width > 0; begin += count)
    add_soft_choice(all.subspan(begin, count), k, width, 1.0, largest, to.as<double>().subspan(begin, count));
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

at::Tensor evened_rows(const RouterInputs& inputs, const at::Tensor& rows, std::int64_t k, const Selection& selection,
                       const at::Tensor& weights) {
  if (k >= rows.size(0) || !inputs.common.defined()) return rows;
  const at::Tensor share = shares(inputs.x, weights), logits = at::mm(inputs.x, rows.t()).contiguous(),
                   common = at::mv(inputs.x, inputs.common);
  const double spread = spread_of(logits, share).mean().item<double>();
  const double key_spread = selection.bias.defined() ? spread_of(selection_keys(logits, selection), share).mean().item<double>() : spread;
  if (!(spread > 0) || !(key_spread > 0)) return rows;
  const HostMemory logits_memory = to_host(logits), common_memory = to_host(common), share_memory = to_host(share);
  const std::vector<double> bias = selection.bias.defined() ? values_of<double>(selection.bias) : std::vector<double>();
  const std::vector<double> shifts = evening_shifts({logits_memory.as<const double>(), common_memory.as<const double>(),
                                                     share_memory.as<const double>(), bias, selection.score_func, k, spread, key_spread});
  return rows + at::tensor(shifts, rows.options()).unsqueeze(1) * inputs.common;
}

}  // namespace sluice::moe
