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
/// `router_init`: of conversions where the recipe does not say it.
/// Throws usage errors (exit 2), one line each: "FILE:LINE:COLUMN: ..." or "override 'K=V': ...". What the reader throws passes through.
Recipe read_recipe(const std::filesystem::path& path, const std::vector<std::string>& overrides = {},
                   const InitialModelReader& read_initial_model = {}, moe::RouterInit router_init = kRouterInit);

/// The recipe that a run recorded (recipe.resolved.yaml, RunDirectory): what a record from before router_init leaves out was normal.
Recipe read_recorded_recipe(const std::filesystem::path& record);
/// router_init where a recipe for the run with this record (which need not be there) does not say it: normal if the record is from
/// before that key, so that the run goes on as it began.
moe::RouterInit router_init_of_record(const std::filesystem::path& record);

}  // namespace sluice::recipes
