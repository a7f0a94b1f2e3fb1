#include "recipes/schema/conversion.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sluice::recipes {
namespace {

struct StageOf {
  moe::ConversionKind kind;
  StageType stage;
};

constexpr StageOf kStages[] = {
#define SLUICE_CONVERSION(kind, stage, method, rule) {moe::ConversionKind::kind, StageType::stage},
#include "moe/plan/conversions/list.inc"
};

}  // namespace

StageType stage_type_of(moe::ConversionKind kind) {
  return std::find_if(std::begin(kStages), std::end(kStages), [&](const StageOf& each) { return each.kind == kind; })->stage;
}

std::string describe(moe::ConversionKind conversion) {
  const std::string_view method = method_of(conversion);
  return fmt::format("{}{}{}", name_of(stage_type_of(conversion)), method.empty() ? "" : " by ", method);
}

std::vector<moe::ConversionKind> conversions_of(StageType type) {
  std::vector<moe::ConversionKind> kinds;
  for (const StageOf& each : kStages)
    if (each.stage == type) kinds.push_back(each.kind);
  return kinds;
}

std::vector<ChoiceName> method_choices() {
  std::vector<ChoiceName> choices;
  for (const StageOf& each : kStages) {
    const std::string_view name = method_of(each.kind);
    const bool known = std::any_of(choices.begin(), choices.end(), [&](const ChoiceName& choice) { return choice.name == name; });
    if (!known && !name.empty()) choices.push_back({static_cast<int>(choices.size()), std::string(name)});
  }
  return choices;
}

std::string methods_text(StageType type) {
  const std::vector<moe::ConversionKind> kinds = conversions_of(type);
  std::string text;
  for (std::size_t i = 0; i < kinds.size(); ++i)
    text += fmt::format("{}{}", i == 0 ? "" : i + 1 == kinds.size() ? " and " : ", ", method_of(kinds[i]));
  return text;
}

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

std::optional<std::size_t> parent_of(const Recipe& recipe, std::size_t stage) {
  for (std::size_t i = 0; i < stage; ++i)
    if (recipe.stages[i].name == recipe.stages[stage].from) return i;
  if (stage == 0) return std::nullopt;
  return stage - 1;
}

bool made_of_dense(const Recipe& recipe, std::size_t stage) {
  for (std::optional<std::size_t> at = stage; at; at = parent_of(recipe, *at))
    if (const auto& kind = recipe.stages[*at].conversion; kind && moe::rule_of(*kind).starts_dense()) return true;
  return false;
}

std::optional<moe::MoeConfig> shape_before(const Recipe& recipe, std::size_t stage) {
  const std::optional<std::size_t> parent = parent_of(recipe, stage);
  if (!parent) return recipe.initial_moe;
  return shape_after(recipe.stages[*parent]);
}

std::optional<moe::MoeConfig> shape_after(const Stage& stage) {
  std::optional<moe::MoeConfig> moe = stage.moe;
  if (moe && stage.conversion && moe::rule_of(*stage.conversion).doubles_top_k() && stage.top_k_anneal_steps > 0) moe->top_k /= 2;
  return moe;
}

moe::Conversion conversion_of(const Recipe& recipe, std::size_t stage) {
  const Stage& s = recipe.stages[stage];
  return {*s.conversion, recipe.model, shape_before(recipe, stage), s.moe.value_or(moe::MoeConfig{}), 1.0};
}

}  // namespace sluice::recipes
