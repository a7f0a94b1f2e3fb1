// What may change when a run is started again (DESIGN: recipes).
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace sluice::recipes {

struct Difference {
  std::string key;  // "train.learning_rate", "stages.dense.max_steps"
  std::string old_value;
  std::string new_value;  // YAML; "nothing" where the key has none
};

/// What the new recipe changes although it may not, while the run is in stage `reached` (its index). `parallel`,
/// train.micro_batch_size, `checkpoint`, the intervals, name, run_dir and the stages after `reached` may change.
std::vector<Difference> compare_for_restart(const Recipe& old_recipe, const Recipe& new_recipe, std::size_t reached);

/// One line that names every difference with both values. Needs at least one.
std::string describe(const std::vector<Difference>& differences);

}  // namespace sluice::recipes
