// Stages of a composed document; used by read_recipe.cpp.
#pragma once

#include "recipes/schema/document.hpp"
#include "recipes/schema/recipe.hpp"

namespace sluice::recipes {

/// Reads `stages` of the document `root` into recipe.stages; the recipe's other fields must have been read. Resolves each stage's `moe`
/// from that of the stage it goes on from. If `shape_known` is false (init_from without a reader), values are checked but no `moe` is
/// resolved.
void read_stages(const Node& root, bool shape_known, Recipe& recipe);

}  // namespace sluice::recipes
