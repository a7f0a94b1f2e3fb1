#include "recipes/schema/routing_checks.hpp"

#include "core/base/counted.hpp"
#include "recipes/schema/conversion.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

// With fewer rows an expert, experts get none in many steps, and their gradients come from a few tokens.
constexpr double kFewRows = 8;

std::string feed_text(const Stage& stage) {
  const moe::MoeConfig moe = *shape_after(stage);
  return fmt::format("{} sequences x {} tokens x top_k({}) / num_experts({}) = {:.4g} {} an expert a step", stage.train.global_batch_size,
                     stage.data.seq_length, moe.top_k, moe.num_experts, rows_an_expert(stage), plural(rows_an_expert(stage), "row"));
}

constexpr const char* kFeedMore = "use fewer experts, or a larger train.global_batch_size or data.seq_length";

// Whether the weight of the chosen expert (or family) is 1 whatever its score.
bool is_always_1(const moe::MoeConfig& moe) { return moe.top_k == 1 && moe.norm_topk_prob && moe.num_families() > 1; }

std::string untaught(const Recipe& recipe, std::size_t index) {
  const Stage& stage = recipe.stages[index];
  const moe::MoeConfig moe = *shape_after(stage);
  // Without renormalisation the weight is below 1, so a conversion from a dense layer changes the function (exact()).
  std::string instead;  // no such advice for a model of init_from, which cannot be changed
  if (stage.conversion && moe::rule_of(*stage.conversion).starts_dense())
    instead = "norm_topk_prob: false with allow_jump: true, since the conversion is not exact then";
  else if (recipe.init_from.empty()) instead = "norm_topk_prob: false in model.moe";
  if (!instead.empty()) instead = "; a router with top_k of 2 or more learns from it, or one with " + instead;
  return fmt::format(
      "stage '{}': top_k(1) with norm_topk_prob gives every chosen {} the weight 1, so {} no gradient from the text, only from "
      "balance and z losses{}",
      stage.name, moe.family_size > 1 ? "family" : "expert", moe.family_size > 1 ? "the families' router rows get" : "the router gets",
      instead);
}

}  // namespace

double rows_an_expert(const Stage& stage) {
  const moe::MoeConfig moe = *shape_after(stage);
  return static_cast<double>(stage.train.global_batch_size) * static_cast<double>(stage.data.seq_length) * static_cast<double>(moe.top_k) /
         static_cast<double>(moe.num_experts);
}

std::vector<std::string> routing_warnings(const Recipe& recipe) {
  std::vector<std::string> lines;
  bool told_untaught = false;
  std::string told_feed;
  for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
    const Stage& stage = recipe.stages[i];
    if (!stage.moe) continue;
    if (rows_an_expert(stage) < kFewRows && told_feed != feed_text(stage)) {
      told_feed = feed_text(stage);
      lines.push_back(fmt::format("stage '{}': {}, fewer than {:g}: experts go without in many steps and learn from a few tokens; {}",
                                  stage.name, told_feed, kFewRows, kFeedMore));
    }
    if (is_always_1(*shape_after(stage)) && !told_untaught) {
      told_untaught = true;
      lines.push_back(untaught(recipe, i));
    }
  }
  const bool converts =
      std::any_of(recipe.stages.begin(), recipe.stages.end(), [](const Stage& stage) { return stage.conversion.has_value(); });
  if (!converts && recipe.init_from.empty() && recipe.initial_moe && recipe.initial_moe->router_init == moe::RouterInit::kBalanced)
    lines.push_back(
        "model.moe.router_init(balanced) chooses the router rows that conversions add, and no stage converts: this model starts with "
        "normal rows");
  return lines;
}

}  // namespace sluice::recipes
