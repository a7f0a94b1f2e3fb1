#include "moe/balance.hpp"

#include "moe/router.hpp"

namespace sluice::moe {
namespace {

// sum over pairs at each node of f within the node times p within the node, doubled: pairs behind `sums` when every node is even.
// counts and sums [G, 2*nodes] of one level. A node that the counts saw nothing of (kLagged) counts as even, and so pulls at nobody.
at::Tensor child_level_sum(const at::Tensor& counts, const at::Tensor& sums) {
  const auto options = sums.options().requires_grad(false);
  const at::Tensor pairs = counts.to(sums.scalar_type()).view({counts.size(0), -1, 2});
  const at::Tensor node = pairs.sum(2, true);
  const at::Tensor share = at::where(node > 0, pairs / node.clamp_min(1.0), at::full({}, 0.5, options));
  return 2.0 * (share * sums.view_as(pairs)).sum();
}

}  // namespace

at::Tensor balance_loss_sum(const MoeConfig& config, const SlotStatistics& statistics, const BalanceCounts& counts) {
  const at::Tensor& sums = statistics.probability_sum;
  const at::Tensor fractions = counts.counts.to(sums.scalar_type());
  const at::Tensor routed = fractions.sum(1, true).clamp_min(1.0);
  const at::Tensor loss = static_cast<double>(sums.size(1)) * (fractions / routed * sums).sum();
  if (config.family_size == 1) return loss;
  at::Tensor children;
  std::int64_t begin = 0, levels = 0;
  for (std::int64_t width = 2; width <= config.family_size; width *= 2, ++levels) {
    const std::int64_t columns = config.num_families() * width;
    const at::Tensor level =
        child_level_sum(counts.child_counts.narrow(1, begin, columns), statistics.child_probability_sum.narrow(1, begin, columns));
    children = children.defined() ? children + level : level;
    begin += columns;
  }
  return 0.5 * (loss + children / static_cast<double>(levels * config.top_k));
}

}  // namespace sluice::moe
