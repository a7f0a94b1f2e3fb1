#include "recipes/schema/conversion.hpp"

#include "recipes/schema/key.hpp"

#include <fmt/format.h>

namespace sluice::recipes {
namespace {

// An expert can be sent at most T tokens of a sequence, so a capacity of T drops none.
bool may_drop(const moe::MoeConfig& moe) {
  return moe.capacity_factor > 0 && moe.capacity_factor * static_cast<double>(moe.top_k) < static_cast<double>(moe.num_experts);
}

Exactness exact_sparsify(const Conversion& c) {
  if (!c.after.norm_topk_prob) return {false, "without norm_topk_prob the weights of the chosen experts do not sum to 1"};
  if (c.method == ConversionMethod::kCopy) return {true, "every expert is the dense layer and the weights sum to 1 (a routed_scaling_factor is folded into down_proj)"};
  const std::int64_t shards = routed_columns(c.model, c.after) / c.after.expert_hidden_size;
  if (c.after.top_k % shards != 0) {
    return {false,
            fmt::format("top_k({}) is not a multiple of the {} shards, so not every shard is chosen equally often", c.after.top_k, shards)};
  }
  return {true, fmt::format("tied router rows choose each of the {} shards equally often", shards)};
}

Exactness exact_grow(const Conversion& c) {
  switch (c.method) {
    case ConversionMethod::kFamily:
      return {true, "the family's row alone decides, and its children are equal"};
    case ConversionMethod::kDoubleTopK:
      // Softmax over twins halves each probability by itself; sigmoid scores only do so when renormalised.
      if (!c.after.norm_topk_prob && c.after.score_func != moe::ScoreFunction::kSoftmax) {
        return {false, "sigmoid scores without norm_topk_prob count every twin in full"};
      }
      return {true, "both twins of every chosen expert are chosen and share its weight"};
    default:
      return {false, "top_k stays, so the chosen experts become copies of fewer ones"};
  }
}

}  // namespace

moe::MoeConfig with_coefficients_of(const moe::MoeConfig& other, moe::MoeConfig shape) {
  shape.balance_loss = other.balance_loss;
  shape.aux_loss_coef = other.aux_loss_coef;
  shape.z_loss_coef = other.z_loss_coef;
  shape.bias_update_rate = other.bias_update_rate;
  shape.capacity_factor = other.capacity_factor;
  shape.router_init = other.router_init;
  shape.router_init_std = other.router_init_std;
  return shape;
}

std::int64_t shared_columns(const moe::MoeConfig& moe) {
  return moe.num_shared_experts * moe.expert_hidden_size;
}

std::int64_t routed_columns(const DecoderConfig& model, const moe::MoeConfig& moe) {
  return model.intermediate_size - shared_columns(moe);
}

Exactness exact(const Conversion& c) {
  if (c.type == StageType::kFlatten) {
    return {false, "a plain router cannot reproduce a family router, whose family row alone decides"};
  }
  if (may_drop(c.after) || (c.before && may_drop(*c.before))) {
    return {false, fmt::format("capacity_factor({}) drops tokens",
                               write_number(may_drop(c.after) ? c.after.capacity_factor : c.before->capacity_factor))};
  }
  return c.type == StageType::kSparsify ? exact_sparsify(c) : exact_grow(c);
}

std::optional<std::size_t> parent_of(const Recipe& recipe, std::size_t stage) {
  for (std::size_t i = 0; i < stage; ++i) {
    if (recipe.stages[i].name == recipe.stages[stage].from) return i;
  }
  if (stage == 0) return std::nullopt;
  return stage - 1;
}

bool made_of_dense(const Recipe& recipe, std::size_t stage) {
  for (std::optional<std::size_t> at = stage; at; at = parent_of(recipe, *at))
    if (recipe.stages[*at].type == StageType::kSparsify) return true;
  return false;
}

std::optional<moe::MoeConfig> shape_before(const Recipe& recipe, std::size_t stage) {
  const std::optional<std::size_t> parent = parent_of(recipe, stage);
  if (!parent) return recipe.initial_moe;
  return shape_after(recipe.stages[*parent]);
}

std::optional<moe::MoeConfig> shape_after(const Stage& stage) {
  std::optional<moe::MoeConfig> moe = stage.moe;
  if (moe && stage.method == ConversionMethod::kDoubleTopK && stage.top_k_anneal_steps > 0) moe->top_k /= 2;
  return moe;
}

Conversion conversion_of(const Recipe& recipe, std::size_t stage) {
  const Stage& s = recipe.stages[stage];
  return {s.type, s.method, recipe.model, shape_before(recipe, stage), s.moe.value_or(moe::MoeConfig{})};
}

}  // namespace sluice::recipes
