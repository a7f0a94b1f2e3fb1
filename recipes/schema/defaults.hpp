// Defaults that must fit the keys that are given. Some defaults follow from other keys. For the others an error message says that the value
// in question is a default and was not given.
#pragma once

#include "recipes/schema/document.hpp"
#include "recipes/schema/recipe.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// Sets the defaults of `train` that follow from its other keys: min_learning_rate is at most learning_rate. `said` are the sections that
/// its keys were read from; some may be null.
void follow_defaults(const std::vector<const Node*>& said, TrainConfig& train);

/// "; 'top_k' is not given, its default is 2" for each of `keys` ("model.head_dim", "stages.wide.moe.top_k") that has its default value,
/// because the document `root` gives it neither there nor where the stage inherits it from. "" if there is none.
std::string default_notes(const Node& root, const std::vector<std::string>& keys);

}  // namespace sluice::recipes
