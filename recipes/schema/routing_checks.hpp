// Warns of recipes whose routing cannot work well: experts that get too few rows in a step, routers that get no gradient from the text.
// Pure functions of the recipe.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// How many rows each expert of a sparse layer gets in a step of the stage at even load: sequences x tokens x top_k / num_experts, with the
/// top_k that the stage ends with. The stage must be sparse.
double rows_an_expert(const Stage& stage);

/// Lines of warning: for each sparse stage with fewer than 8 rows an expert, unless the stage warned of before has the same numbers; for
/// the first stage whose router gets no gradient from the text (top-1 with renormalised weights); and if a model that starts sparse asks
/// for balanced rows, which only a conversion makes, and there is none.
std::vector<std::string> routing_warnings(const Recipe& recipe);

}  // namespace sluice::recipes
