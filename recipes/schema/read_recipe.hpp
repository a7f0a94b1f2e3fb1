// Reads a YAML file and overrides into a checked Recipe, and writes a recipe as YAML. Only this folder uses yaml-cpp.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// What a recipe takes from the checkpoint or Hugging Face folder that `init_from` names: the model's shape and its tokenizer.json.
struct InitialModel {
  DecoderConfig model;
  std::optional<moe::MoeConfig> moe;
  std::string tokenizer_path;  // "" = it has none; the recipe's tokenizer is used
};
/// Returns the model that `init_from` names. `run` is the recipe's run directory: if that run goes on, its own record has the answer.
using InitialModelReader = std::function<InitialModel(const std::string& init_from, const std::filesystem::path& run)>;

/// Reads `path`, the files it extends, and the overrides ("section.key=value", values are YAML, stages by name); fills in defaults,
/// resolves the stages' shapes and validates. If the recipe has init_from, `read_initial_model` is called once; keys of `model` that differ
/// from its answer are refused by name, and so is another tokenizer.
/// Without a reader, a recipe that has init_from and does not state its whole model cannot be validated, because the shape of its model is
/// not known. Then only keys and their single values are checked, and the stages of the result have no resolved `moe`.
/// Throws usage errors (exit 2), one line each: "FILE:LINE:COLUMN: ..." or "override 'K=V': ...". Errors of the reader pass through.
Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
                   const InitialModelReader& read_initial_model = {});

/// The recipe as YAML, which a run stores as recipe.resolved.yaml: every key with its value, defaults and resolved shapes included; the
/// sections of a stage hold what differs from the top level.
/// read_recipe() of this text gives an equal Recipe, even without the checkpoint that `init_from` names.
std::string dump(const Recipe& recipe);

}  // namespace sluice::recipes
