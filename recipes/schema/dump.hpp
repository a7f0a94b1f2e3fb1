// A recipe back as YAML: what a run stores as recipe.resolved.yaml.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <string>

namespace sluice::recipes {

/// Every key, defaults and resolved shapes included; a stage's own sections hold what differs from the top level.
/// read_recipe() of it gives an equal Recipe, also without the checkpoint of `init_from`.
std::string dump(const Recipe& recipe);

}  // namespace sluice::recipes
