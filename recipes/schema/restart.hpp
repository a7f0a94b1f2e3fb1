// What may change when a run is started again (DESIGN: recipes).
#pragma once

#include "recipes/schema/recipe.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::recipes {

struct Difference {
  std::string key;  // "train.learning_rate", "stages.dense.max_steps"
  std::string old_value;
  std::string new_value;  // YAML; "nothing" where the key has none
};

/// What the new recipe changes although it may not, while the run is in stage `reached` (its index). `parallel`,
/// train.micro_batch_size, `checkpoint`, the intervals, allow_schedule_change, name, run_dir and the stages after `reached` may change.
std::vector<Difference> compare_for_restart(const Recipe& old_recipe, const Recipe& new_recipe, std::size_t reached);

/// One line that names every difference with both values. Needs at least one.
std::string describe(const std::vector<Difference>& differences, bool finished);

/// Where a run stands by its last checkpoint.
struct Place {
  std::int64_t stage = 0;  // index
  std::string stage_name;
  std::int64_t stage_step = 0;  // steps finished in that stage
};

/// One line if the recipe has no such place: fewer stages, another name there, or fewer steps than were trained. "" if it has.
std::string describe_lost_place(const Recipe& recipe, const Place& place);

}  // namespace sluice::recipes
