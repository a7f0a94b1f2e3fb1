// What a stage does to the shape of the model, and whether the model still computes the same function after it. Pure functions of a recipe.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace sluice::recipes {

/// One conversion: how it is done, the decoder's shape, and the MoE shape before (absent: the model is dense) and after it.
struct Conversion {
  StageType type = StageType::kSparsify;
  ConversionMethod method = ConversionMethod::kNone;
  DecoderConfig model;
  std::optional<moe::MoeConfig> before;
  moe::MoeConfig after;
};

struct Exactness {
  bool exact = false;
  std::string reason;  // why the conversion is exact or not; half a sentence
};

/// Whether the converted model computes the same function (up to rounding), before noise and re-initialisation are applied.
/// Requires that the widths add up; validate() checks that.
Exactness exact(const Conversion& conversion);

/// The stage that `stage` starts from, or nothing for the first one. An unknown `from` counts as the stage before.
std::optional<std::size_t> parent_of(const Recipe& recipe, std::size_t stage);

/// Whether the experts of `stage` were made of dense feed-forwards in this run: it, or a stage that it goes on from, is a sparsify stage.
bool made_of_dense(const Recipe& recipe, std::size_t stage);

/// The sparse shape a stage starts from (absent: dense): what its parent ends with, or model.moe.
std::optional<moe::MoeConfig> shape_before(const Recipe& recipe, std::size_t stage);

/// The sparse shape a stage ends with (absent: dense). A double_top_k stage that anneals ends with half its top_k.
std::optional<moe::MoeConfig> shape_after(const Stage& stage);

/// The conversion at the start of a sparsify, grow or flatten stage whose `moe` is resolved.
Conversion conversion_of(const Recipe& recipe, std::size_t stage);

/// `shape` with the settings of `other` that are no part of the model's shape: balance loss, z loss, bias update, capacity, and how new
/// router rows are made. Use it to compare two shapes without these settings.
moe::MoeConfig with_coefficients_of(const moe::MoeConfig& other, moe::MoeConfig shape);

/// How many of the dense feed-forward's intermediate columns (intermediate_size) the shared experts take, and how many the routed experts.
std::int64_t shared_columns(const moe::MoeConfig& moe);
std::int64_t routed_columns(const DecoderConfig& model, const moe::MoeConfig& moe);

}  // namespace sluice::recipes
