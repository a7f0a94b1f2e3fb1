#include "moe/conversion_plan.hpp"

#include "core/base/error.hpp"

#include <algorithm>
#include <numeric>

namespace sluice::moe {
namespace {

using checkpoint::TensorId, checkpoint::TensorKind, checkpoint::TensorPart;

bool is_feed_forward(const TensorId& leaf) {
  switch (leaf.part) {
    case TensorPart::kFeedForward:
    case TensorPart::kRouter:
    case TensorPart::kExpert:
    case TensorPart::kSharedExperts: return true;
    default: return false;
  }
}

std::vector<std::int64_t> range(std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

// A part of the dense feed-forward: its intermediate columns [begin, begin + width).
LeafPlan dense_part(const TensorId& leaf, const std::vector<std::int64_t>& shape, std::int64_t begin, double down_factor) {
  const TensorId from{leaf.layer, TensorPart::kFeedForward, leaf.kind};
  LeafPlan plan;
  if (leaf.kind == TensorKind::kDown) plan.terms.push_back({from, range(0, shape[0]), begin, shape[1], down_factor});
  else plan.terms.push_back({from, range(begin, shape[0]), 0, shape[1], 1.0});
  return plan;
}

std::optional<LeafPlan> sparsify(const ConversionShape& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) {
  const MoeConfig& moe = c.after;
  const std::int64_t shared = moe.num_shared_experts * moe.expert_hidden_size;
  const std::int64_t shards = num_shards(c);
  if (leaf.part == TensorPart::kRouter) return LeafPlan{{}, moe.router_init_std, shards};
  if (leaf.part == TensorPart::kSharedExperts) return dense_part(leaf, shape, 0, 1.0);
  // The chosen experts' weights add up to routed_scaling_factor; a group of G shards shares one such weight, so each is scaled up by G.
  const double factor = static_cast<double>(shards) / moe.routed_scaling_factor;
  LeafPlan plan = dense_part(leaf, shape, shared + (leaf.expert % shards) * moe.expert_hidden_size, factor);
  // top_k of num_experts see a token, and weigh it shards / top_k.
  plan.gradient_share = static_cast<double>(shards) / static_cast<double>(moe.num_experts);
  plan.squared_share = plan.gradient_share * static_cast<double>(shards) / static_cast<double>(moe.top_k);
  return plan;
}

LeafPlan same_leaf(const TensorId& from, const std::vector<std::int64_t>& shape) {
  return {{{from, range(0, shape[0]), 0, shape[1], 1.0}}, 0.0, 1};
}

// How much a copy weighs a token beside what its source did: twins of double_top_k see it both, and share its weight.
double weight_of_copy(const ConversionShape& c) {
  return c.kind == ConversionKind::kGrowDoubleTopK ? static_cast<double>(c.before->num_experts) / static_cast<double>(c.after.num_experts) : 1.0;
}

std::optional<LeafPlan> grow(const ConversionShape& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) {
  const std::int64_t copies = c.after.num_experts / c.before->num_experts;
  if (leaf.part == TensorPart::kExpert) {
    LeafPlan plan = same_leaf({leaf.layer, leaf.part, leaf.kind, leaf.expert / copies}, shape);
    plan.gradient_share = 1.0 / static_cast<double>(copies);
    plan.squared_share = plan.gradient_share * weight_of_copy(c);
    return plan;
  }
  if (leaf.kind == TensorKind::kFamilyRows) {
    // Levels that were there stay; the new, deepest one is drawn.
    const std::int64_t old_rows = c.before->num_child_rows();
    LeafPlan plan{{}, c.after.router_init_std, 1};
    if (old_rows > 0) {
      std::vector<std::int64_t> rows(static_cast<std::size_t>(shape[0]), -1);
      std::iota(rows.begin(), rows.begin() + old_rows, 0);
      plan.terms.push_back({leaf, std::move(rows), 0, shape[1], 1.0});
    }
    return plan;
  }
  if (leaf.part == TensorPart::kRouter && c.kind != ConversionKind::kGrowFamily) {
    std::vector<std::int64_t> rows = range(0, shape[0]);
    for (std::int64_t& row : rows) row /= copies;
    const double share = 1.0 / static_cast<double>(copies);
    return LeafPlan{{{leaf, std::move(rows), 0, shape[1], 1.0}}, 0.0, 1, share, share * weight_of_copy(c)};
  }
  return std::nullopt;
}

std::optional<LeafPlan> flatten(const ConversionShape& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) {
  if (leaf.part != TensorPart::kRouter) return std::nullopt;
  const std::int64_t size = c.before->family_size, families = c.before->num_families();
  LeafPlan plan;
  plan.gradient_share = plan.squared_share = 1.0 / static_cast<double>(size);
  std::vector<std::int64_t> rows(static_cast<std::size_t>(shape[0]));
  for (std::int64_t e = 0; e < shape[0]; ++e) rows[static_cast<std::size_t>(e)] = e / size;
  plan.terms.push_back({leaf, rows, 0, shape[1], 1.0});
  std::int64_t level_begin = 0;
  for (std::int64_t width = 2; width <= size; width *= 2) {
    // Expert e passes child e * width / size of this level.
    for (std::int64_t e = 0; e < shape[0]; ++e) rows[static_cast<std::size_t>(e)] = level_begin + e * width / size;
    plan.terms.push_back({leaf.with(TensorKind::kFamilyRows), rows, 0, shape[1], c.flatten_scale});
    level_begin += families * width;
  }
  return plan;
}

}  // namespace

std::int64_t num_shards(const ConversionShape& conversion) {
  if (conversion.kind != ConversionKind::kSparsifyVirtualGroup) return 1;
  const MoeConfig& moe = conversion.after;
  return (conversion.decoder.intermediate_size - moe.num_shared_experts * moe.expert_hidden_size) / moe.expert_hidden_size;
}

std::optional<LeafPlan> plan_leaf(const ConversionShape& conversion, const TensorId& leaf, const std::vector<std::int64_t>& shape) {
  const auto& layers = conversion.after.layers;
  if (!is_feed_forward(leaf) || std::find(layers.begin(), layers.end(), checkpoint::layer_number(leaf.layer)) == layers.end()) return std::nullopt;
  switch (conversion.kind) {
    case ConversionKind::kSparsifyCopy:
    case ConversionKind::kSparsifyVirtualGroup: return sparsify(conversion, leaf, shape);
    case ConversionKind::kGrowFamily:
    case ConversionKind::kGrowDoubleTopK:
    case ConversionKind::kGrowCopy: return grow(conversion, leaf, shape);
    case ConversionKind::kFlatten: return flatten(conversion, leaf, shape);
  }
  throw usage_error("{}: unknown conversion {}", name_of(leaf), static_cast<int>(conversion.kind));
}

}  // namespace sluice::moe
