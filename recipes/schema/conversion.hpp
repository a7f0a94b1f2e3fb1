// The conversion at the start of a stage: what type and method of a recipe mean, and the sparse shapes before and after. Pure functions of
// a recipe; what a conversion does is in moe/plan/conversion.hpp.
#pragma once

#include "recipes/schema/key.hpp"
#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::recipes {

/// The type of stage that does it.
StageType stage_type_of(moe::ConversionKind kind);
/// "grow by family", "flatten".
std::string describe(moe::ConversionKind kind);

/// The conversions that a type of stage can do; the first is what it does where the recipe names no method. None for pretrain.
std::vector<moe::ConversionKind> conversions_of(StageType type);

/// The names of all methods, each once.
std::vector<ChoiceName> method_choices();
/// The methods of a type of stage: "family, double_top_k and copy".
std::string methods_text(StageType type);

/// The stage that `stage` starts from, or nothing for the first one. An unknown `from` counts as the stage before.
std::optional<std::size_t> parent_of(const Recipe& recipe, std::size_t stage);

/// Whether the experts of `stage` were made of dense feed-forwards in this run: it, or a stage that it goes on from, is a sparsify stage.
bool made_of_dense(const Recipe& recipe, std::size_t stage);

/// The sparse shape a stage starts from (absent: dense): what its parent ends with, or model.moe.
std::optional<moe::MoeConfig> shape_before(const Recipe& recipe, std::size_t stage);

/// The sparse shape a stage ends with (absent: dense). A double_top_k stage that anneals ends with half its top_k.
std::optional<moe::MoeConfig> shape_after(const Stage& stage);

/// The conversion of a stage that has one and whose `moe` is resolved.
moe::Conversion conversion_of(const Recipe& recipe, std::size_t stage);

/// `shape` with the settings of `other` that are no part of the model's shape: balance loss, z loss, bias update, capacity, and how new
/// router rows are made. Use it to compare two shapes without these settings.
moe::MoeConfig with_coefficients_of(const moe::MoeConfig& other, moe::MoeConfig shape);

}  // namespace sluice::recipes
