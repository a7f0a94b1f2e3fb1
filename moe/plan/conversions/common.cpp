#include "moe/plan/conversions/common.hpp"

#include <fmt/format.h>

#include <numeric>

namespace sluice::moe {
namespace {

// A part of the dense feed-forward: its intermediate columns [begin, begin + width).
LeafPlan dense_part(const TensorId& leaf, const std::vector<std::int64_t>& shape, std::int64_t begin, double down_factor) {
  const TensorId from{leaf.layer, TensorPart::kFeedForward, leaf.kind};
  LeafPlan plan;
  if (leaf.kind == TensorKind::kDown) plan.terms.push_back({from, row_range(0, shape[0]), begin, shape[1], down_factor});
  else plan.terms.push_back({from, row_range(begin, shape[0]), 0, shape[1], 1.0});
  return plan;
}

}  // namespace

std::vector<std::int64_t> row_range(std::int64_t begin, std::int64_t count) {
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), begin);
  return rows;
}

std::int64_t Sparsify::routed_columns(const Conversion& c) { return moe::routed_columns(c.decoder, c.after); }

Misfit Sparsify::no_width(const Conversion& c, const std::string& parts, const std::string& key) {
  return {
      "moe.expert_hidden_size",
      fmt::format("expert_hidden_size is not given and intermediate_size({}) is not a multiple of {}", c.decoder.intermediate_size, parts),
      {key, "model.intermediate_size"}};
}

std::optional<Misfit> Sparsify::families(const Conversion& c) {
  if (c.after.family_size == 1) return std::nullopt;
  return Misfit{"moe.family_size", fmt::format("family_size follows from growth: 1 here, found {}", c.after.family_size)};
}

std::optional<LeafPlan> Sparsify::plan(const Conversion& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) const {
  const MoeConfig& moe = c.after;
  const std::int64_t shards = num_shards(c);
  if (leaf.part == TensorPart::kRouter) return LeafPlan{{}, moe.router_init_std, shards};
  if (leaf.part == TensorPart::kSharedExperts) return dense_part(leaf, shape, 0, 1.0);
  // The chosen experts' weights add up to routed_scaling_factor; a group of G shards shares one such weight, so each is scaled up by G.
  const double factor = static_cast<double>(shards) / moe.routed_scaling_factor;
  LeafPlan plan = dense_part(leaf, shape, shared_columns(moe) + (leaf.expert % shards) * moe.expert_hidden_size, factor);
  // top_k of num_experts see a token, and weigh it shards / top_k.
  plan.gradient_share = static_cast<double>(shards) / static_cast<double>(moe.num_experts);
  plan.squared_share = plan.gradient_share * static_cast<double>(shards) / static_cast<double>(moe.top_k);
  return plan;
}

std::optional<std::string> Grow::wrong_count(const Conversion& c) const {
  const std::int64_t twice = 2 * c.before->num_experts;
  if (c.after.num_experts == twice) return std::nullopt;
  return fmt::format("{} = 2 x {}", twice, c.before->num_experts);
}

std::optional<Misfit> Grow::misfit(const Conversion& c) const {
  const MoeConfig &before = *c.before, &moe = c.after;
  const std::string name = fmt::format("grow by {}", method_of(c.kind));
  if (!makes_families() && before.family_size > 1)
    return Misfit{"method",
                  fmt::format("{} needs a plain router, found families of {}; put a flatten stage before it", name, before.family_size)};
  if (const auto expected = wrong_count(c))
    return Misfit{"moe.num_experts", fmt::format("{} needs num_experts to be {}, found {}", name, *expected, moe.num_experts), {"method"}};
  const MoeConfig made = shape_after(before);
  if (moe.top_k != made.top_k)
    return Misfit{"moe.top_k", fmt::format("{} makes top_k {} from {}, found {}; leave it out", name, made.top_k, before.top_k, moe.top_k)};
  if (moe.family_size != made.family_size)
    return Misfit{"moe.family_size",
                  fmt::format("{} makes families of {}, found {}; leave it out", name, made.family_size, moe.family_size)};
  return std::nullopt;
}

std::optional<LeafPlan> Grow::plan(const Conversion& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) const {
  if (leaf.part == TensorPart::kRouter) return plan_router(c, leaf, shape);
  if (leaf.part != TensorPart::kExpert) return std::nullopt;
  const std::int64_t copies = c.after.num_experts / c.before->num_experts;
  const TensorId parent{leaf.layer, leaf.part, leaf.kind, leaf.expert / copies};
  LeafPlan plan{{{parent, row_range(0, shape[0]), 0, shape[1], 1.0}}, 0.0, 1};
  plan.gradient_share = 1.0 / static_cast<double>(copies);
  plan.squared_share = plan.gradient_share * weight_of_copy(c);
  return plan;
}

std::optional<LeafPlan> Grow::plan_router(const Conversion& c, const TensorId& leaf, const std::vector<std::int64_t>& shape) const {
  const std::int64_t copies = c.after.num_experts / c.before->num_experts;
  std::vector<std::int64_t> rows = row_range(0, shape[0]);
  for (std::int64_t& row : rows) row /= copies;
  const double share = 1.0 / static_cast<double>(copies);
  return LeafPlan{{{leaf, std::move(rows), 0, shape[1], 1.0}}, 0.0, 1, share, share * weight_of_copy(c)};
}

}  // namespace sluice::moe
