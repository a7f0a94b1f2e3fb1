// Writes a recipe as YAML; a run stores it as recipe.resolved.yaml.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <string>

namespace sluice::recipes {

/// Every key with its value, defaults and resolved shapes included; the sections of a stage hold what differs from the top level.
/// read_recipe() of this text gives an equal Recipe, even without the checkpoint that `init_from` names.
std::string dump(const Recipe& recipe);

}  // namespace sluice::recipes
