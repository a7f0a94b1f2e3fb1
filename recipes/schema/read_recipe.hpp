// From a YAML file and overrides to a checked Recipe. This room is the only one that knows yaml-cpp.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// What `init_from` gives: the model of a checkpoint or a Hugging Face folder, and its tokenizer.json.
struct InitialModel {
  DecoderConfig model;
  std::optional<moe::MoeConfig> moe;
  std::string tokenizer_path;  // "" = it has none; the recipe's tokenizer is used
};
/// `run`: the recipe's run directory; a run that goes on has the answer itself.
using InitialModelReader = std::function<InitialModel(const std::string& init_from, const std::filesystem::path& run)>;

/// Reads `path`, what it extends, and the overrides ("section.key=value", values are YAML, stages by name), fills in defaults,
/// resolves the stages' shapes and validates. `read_initial_model` is called once if the recipe says init_from; keys of `model`
/// that differ from what it returns are refused by name, and so is another tokenizer than its own. Without a reader such a recipe is checked without the checks that need
/// the model's shape, and its stages carry no resolved `moe`.
/// Throws usage errors (exit 2), one line each: "FILE:LINE:COLUMN: ..." or "override 'K=V': ...". What the reader throws passes through.
Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
                   const InitialModelReader& read_initial_model = {});

}  // namespace sluice::recipes
