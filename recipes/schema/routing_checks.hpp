// What a recipe asks of its routers that cannot go well: experts that a step cannot feed, routers that the text cannot teach. Pure
// functions of the recipe; whoever starts a run tells the warnings.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// Rows that each expert of a sparse layer gets in a step of the stage, were the load even: sequences x tokens x top_k / num_experts,
/// with the top_k that the stage ends with. The stage must be sparse.
double rows_an_expert(const Stage& stage);

/// A line for each sparse stage with fewer than 8 rows an expert, and for each whose routers' gate rows get no gradient from the text
/// (top-1 with renormalised weights). A line is said once, with the first stage that it is true of. One more if a model that starts sparse
/// asks for balanced rows and no conversion is there to choose them.
std::vector<std::string> routing_warnings(const Recipe& recipe);

}  // namespace sluice::recipes
