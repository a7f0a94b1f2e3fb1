// Checks which keys of a recipe changed although they may not when a run is started again.
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

/// A key with different values in two recipes.
struct Difference {
  std::string key;  // "train.learning_rate", "stages.dense.max_steps"
  std::string old_value;
  std::string new_value;  // YAML; "nothing" where the key has none
};

/// The changes in `new_recipe` that are not allowed while the run is in the stage with index `reached`. These may change: `parallel`,
/// `checkpoint`, the keys that say so (may_change() in key.hpp: intervals, train.micro_batch_size and their like) and the stages after
/// `reached`.
std::vector<Difference> compare_for_restart(const Recipe& old_recipe, const Recipe& new_recipe, std::size_t reached);

/// One line that names every difference with both values and says what may change; `finished`: the run is finished. Needs at least one.
std::string describe(const std::vector<Difference>& differences, bool finished);

/// Where a run stands by its last checkpoint.
struct Place {
  std::int64_t stage = 0;  // index
  std::string stage_name;
  std::int64_t stage_step = 0;  // steps finished in that stage
};

/// One line if the recipe does not have this place: it has fewer stages, another name at this index, or fewer steps than were trained. ""
/// if it has the place.
std::string describe_lost_place(const Recipe& recipe, const Place& place);

}  // namespace sluice::recipes
