// What a stage does to the shape of the model, and whether the function stays the same. Pure functions of a recipe.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace sluice::recipes {

/// One conversion: the dense shape, the sparse shape before (absent: dense) and after.
struct Conversion {
  StageType type = StageType::kSparsify;
  ConversionMethod method = ConversionMethod::kNone;
  DecoderConfig model;
  std::optional<moe::MoeConfig> before;
  moe::MoeConfig after;
};

struct Exactness {
  bool exact = false;
  std::string reason;  // why it is, or is not; half a sentence
};

/// Whether the converted model computes the same function (up to rounding) before noise and re-initialisation.
/// The widths are taken to add up; validate() sees to that.
Exactness exact(const Conversion& conversion);

/// The stage that `stage` starts from, or nothing for the first one. An unknown `from` counts as the stage before.
std::optional<std::size_t> parent_of(const Recipe& recipe, std::size_t stage);

/// Whether the experts of `stage` were made of dense feed-forwards in this run: a sparsify stage is among those it goes on from, or it is one.
bool made_of_dense(const Recipe& recipe, std::size_t stage);

/// The sparse shape a stage starts from (absent: dense): what its parent ends with, or model.moe.
std::optional<moe::MoeConfig> shape_before(const Recipe& recipe, std::size_t stage);

/// The sparse shape a stage ends with (absent: dense). A double_top_k stage that anneals ends with half its top_k.
std::optional<moe::MoeConfig> shape_after(const Stage& stage);

/// The conversion of a sparsify, grow or flatten stage whose `moe` is resolved.
Conversion conversion_of(const Recipe& recipe, std::size_t stage);

/// `shape` with the coefficients of `other`: what belongs to a run and not to the function of the model (balance and z loss,
/// bias update, capacity, how new router rows are made). Shapes are compared without them.
moe::MoeConfig with_coefficients_of(const moe::MoeConfig& other, moe::MoeConfig shape);

/// Columns of the dense feed-forward that shared experts take, and those left for the routed ones.
std::int64_t shared_columns(const moe::MoeConfig& moe);
std::int64_t routed_columns(const DecoderConfig& model, const moe::MoeConfig& moe);

}  // namespace sluice::recipes
