#include "moe/balance.hpp"

#include "moe/router.hpp"

namespace sluice::moe {
namespace {

// sum over pairs at each node: f within the node times P within the node, weighted by the node's share of all pairs; 1 when
// every node is even. counts and sums [G, 2*nodes] of one level; `routed`: (token, k) pairs behind one group's sums, which need
// not be those behind the counts (kLagged). A node that the counts saw nothing of counts as even, and so pulls at nobody.
at::Tensor child_level_loss(const at::Tensor& counts, const at::Tensor& sums, double routed) {
  const auto options = sums.options().requires_grad(false);
  const at::Tensor pairs = counts.to(sums.scalar_type()).view({counts.size(0), -1, 2});
  const at::Tensor node = pairs.sum(2, true);
  const at::Tensor share = at::where(node > 0, pairs / node.clamp_min(1.0), at::full({}, 0.5, options));
  return 2.0 * (share * sums.view_as(pairs)).sum({1, 2}) / routed;
}

}  // namespace

at::Tensor balance_loss_share(const MoeConfig& config, const SlotStatistics& statistics, const BalanceCounts& counts, std::int64_t tokens,
                              std::int64_t sequences) {
  const bool by_sequence = config.balance_loss == BalanceLoss::kSequence;
  // Tokens behind one group's P, and how many groups the loss is averaged over.
  const double group_tokens = by_sequence ? static_cast<double>(tokens) / static_cast<double>(sequences) : static_cast<double>(tokens);
  const double groups = by_sequence ? static_cast<double>(sequences) : 1.0;
  const double group_pairs = group_tokens * static_cast<double>(config.top_k);
  const at::Tensor& sums = statistics.probability_sum;
  const at::Tensor fractions = counts.counts.to(sums.scalar_type());
  const at::Tensor routed = fractions.sum(1, true).clamp_min(1.0);
  const double rows = static_cast<double>(sums.size(1));
  at::Tensor loss = (rows * (fractions / routed * sums).sum(1) / group_tokens).sum() / groups;
  if (config.family_size == 1) return loss;
  at::Tensor children;
  std::int64_t begin = 0, levels = 0;
  for (std::int64_t width = 2; width <= config.family_size; width *= 2, ++levels) {
    const std::int64_t columns = config.num_families() * width;
    const at::Tensor level = child_level_loss(counts.child_counts.narrow(1, begin, columns),
                                              statistics.child_probability_sum.narrow(1, begin, columns), group_pairs);
    const at::Tensor share = level.sum() / groups;
    children = children.defined() ? children + share : share;
    begin += columns;
  }
  return 0.5 * (loss + children / static_cast<double>(levels));
}

at::Tensor z_loss_share(const SlotStatistics& statistics, std::int64_t tokens) {
  return statistics.z_sum / static_cast<double>(tokens);
}

}  // namespace sluice::moe
