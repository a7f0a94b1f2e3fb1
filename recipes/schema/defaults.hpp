// Defaults beside keys that are given: where one can follow, it does; where it cannot, a refusal says that it is a default.
#pragma once

#include "recipes/schema/document.hpp"
#include "recipes/schema/recipe.hpp"

#include <string>
#include <vector>

namespace sluice::recipes {

/// Sets the defaults of `train` that follow from its other keys. `said`: the sections that its keys were read from; null ones say nothing.
void follow_defaults(const std::vector<const Node*>& said, TrainConfig& train);

/// "; 'top_k' is not given, its default is 2" for each of `keys` ("model.head_dim", "stages.wide.moe.top_k") that the document
/// `root` leaves to its default: says neither there nor where the stage takes it over from.
std::string default_notes(const Node& root, const std::vector<std::string>& keys);

}  // namespace sluice::recipes
