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

at::Tensor shares(const at::Tensor& x_ND, const at::Tensor& weights_N) {
  if (!weights_N.defined()) return at::full({x_ND.size(0)}, 1.0 / static_cast<double>(x_ND.size(0)), x_ND.options());
  return (weights_N / weights_N.sum()).contiguous();
}

// The standard deviation of each column of values [N, E].
at::Tensor spread_of(const at::Tensor& values_NE, const at::Tensor& share_N) {
  const at::Tensor centred_NE = values_NE - at::mv(values_NE.t(), share_N);
  return at::mv(centred_NE.square().t(), share_N).sqrt();
}

}  // namespace

RouterInputs router_inputs(const at::Tensor& x_ND) {
  RouterInputs inputs;
  inputs.x = x_ND;
  const at::Tensor mean_D = x_ND.mean(0), centred_ND = x_ND - mean_D;
  const at::Tensor covariance_DD = at::mm(centred_ND.t(), centred_ND) / static_cast<double>(x_ND.size(0));
  const double variance = covariance_DD.trace().item<double>() / static_cast<double>(x_ND.size(1));
  // What is left of equal inputs is rounding.
  if (!(variance > 1e-20 * mean_D.square().mean().item<double>())) return inputs;
  inputs.variance = variance * static_cast<double>(x_ND.size(1));
  const at::Tensor factor_DD = at::linalg_cholesky(covariance_DD + kLeastVariance * variance * at::eye(x_ND.size(1), x_ND.options()));
  const at::Tensor towards_D = at::cholesky_solve(mean_D.unsqueeze(1), factor_DD).squeeze(1);
  const double along = towards_D.dot(mean_D).item<double>();
  if (along > kLeastCommon) inputs.common = towards_D / along;
  return inputs;
}

at::Tensor selection_keys(const at::Tensor& logits_NE, const Selection& selection) {
  if (!selection.bias.defined()) return logits_NE;
  at::Tensor keys_NE = logits_NE.clone(at::MemoryFormat::Contiguous);
  const HostMemory memory = to_host(keys_NE), bias = to_host(selection.bias);
  const auto count = static_cast<std::size_t>(keys_NE.size(1));
  const std::span<double> all = memory.as<double>();
  for (std::size_t begin = 0; begin < all.size(); begin += count)
    scores_with_bias(all.subspan(begin, count), selection.score_func, bias.as<const double>());
  memory.give_back();
  return keys_NE;
}

at::Tensor soft_choice(const at::Tensor& keys_NE, std::int64_t k) {
  if (k >= keys_NE.size(1)) return at::ones_like(keys_NE);
  at::Tensor choice_NE = at::zeros_like(keys_NE);
  const double width = kSoftBorder * keys_NE.std(0, false).mean().item<double>();
  const auto count = static_cast<std::size_t>(keys_NE.size(1));
  std::vector<double> largest(static_cast<std::size_t>(k) + 1);
  const HostMemory from = to_host(keys_NE), to = to_host(choice_NE);
  const std::span<const double> all = from.as<const double>();
  for (std::size_t begin = 0; begin < all.size() && width > 0; begin += count)
    add_soft_choice(all.subspan(begin, count), k, width, 1.0, largest, to.as<double>().subspan(begin, count));
  to.give_back();
  return choice_NE;
}

at::Tensor balanced_rows(const RouterInputs& inputs, const at::Tensor& noise_ED, std::int64_t k, double spread,
                         const at::Tensor& weights_N) {
  if (inputs.variance == 0.0) return noise_ED * (spread / std::sqrt(static_cast<double>(noise_ED.size(1))));
  at::Tensor rows_ED = noise_ED;
  const at::Tensor share_N = shares(inputs.x, weights_N);
  const at::Tensor logits_NE = at::mm(inputs.x, rows_ED.t());
  if (inputs.common.defined()) rows_ED = rows_ED - at::mv(logits_NE.t(), share_N).unsqueeze(1) * inputs.common;
  rows_ED = rows_ED *
            (spread / spread_of(at::mm(inputs.x, rows_ED.t()), share_N).clamp_min(kLeastSpread * std::sqrt(inputs.variance))).unsqueeze(1);
  return evened_rows(inputs, rows_ED, k, {}, weights_N);
}

at::Tensor evened_rows(const RouterInputs& inputs, const at::Tensor& rows_ED, std::int64_t k, const Selection& selection,
                       const at::Tensor& weights_N) {
  if (k >= rows_ED.size(0) || !inputs.common.defined()) return rows_ED;
  const at::Tensor share_N = shares(inputs.x, weights_N), logits_NE = at::mm(inputs.x, rows_ED.t()).contiguous(),
                   common_N = at::mv(inputs.x, inputs.common);
  const double spread = spread_of(logits_NE, share_N).mean().item<double>();
  const double key_spread =
      selection.bias.defined() ? spread_of(selection_keys(logits_NE, selection), share_N).mean().item<double>() : spread;
  if (!(spread > 0) || !(key_spread > 0)) return rows_ED;
  const HostMemory logits_memory = to_host(logits_NE), common_memory = to_host(common_N), share_memory = to_host(share_N);
  const std::vector<double> bias = selection.bias.defined() ? values_of<double>(selection.bias) : std::vector<double>();
  const std::vector<double> shifts = evening_shifts({logits_memory.as<const double>(), common_memory.as<const double>(),
                                                     share_memory.as<const double>(), bias, selection.score_func, k, spread, key_spread});
  return rows_ED + at::tensor(shifts, rows_ED.options()).unsqueeze(1) * inputs.common;
}

}  // namespace sluice::moe
