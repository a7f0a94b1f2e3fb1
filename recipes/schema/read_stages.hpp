// Stages of a composed document; used by read_recipe.cpp.
#pragma once

#include "recipes/schema/document.hpp"
#include "recipes/schema/recipe.hpp"

namespace sluice::recipes {

/// Reads `stages` of the document `root` into recipe.stages, the recipe's other fields being read already, and resolves each stage's
/// `moe` from its parent's. With `shape_known` false (init_from without a reader) values are checked and no `moe` is resolved.
void read_stages(const Node& root, bool shape_known, Recipe& recipe);

}  // namespace sluice::recipes
