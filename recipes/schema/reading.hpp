// The parts of read_recipe(): one document out of all files and overrides, the stages in it, and defaults that must fit the keys that are
// given. Some defaults follow from other keys; for the others an error message says that the value in question is a default and was not
// given. Private to reading and its tests.
#pragma once

#include "recipes/schema/document.hpp"
#include "recipes/schema/recipe.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::recipes {

/// The document of the recipe file `path`, merged over the files it extends, with the overrides on top. Maps are merged, everything else is
/// replaced; every node keeps the mark of where it was written. The result has no `extends` key and no keys x-... at the top level.
/// Usage errors: an unreadable or empty file, wrong syntax, a file that extends itself, malformed overrides, unknown stage names.
Node compose(const std::filesystem::path& path, const std::vector<std::string>& overrides);

/// Reads `stages` of the document `root` into recipe.stages; the recipe's other fields must have been read. Resolves each stage's `moe`
/// from that of the stage it goes on from. If `shape_known` is false (init_from without a reader), values are checked but no `moe` is
/// resolved.
void read_stages(const Node& root, bool shape_known, Recipe& recipe);

/// Sets the defaults of `train` that follow from its other keys: min_learning_rate is at most learning_rate. `said` are the sections that
/// its keys were read from; some may be null.
void follow_defaults(const std::vector<const Node*>& said, TrainConfig& train);

/// "; 'top_k' is not given, its default is 2" for each of `keys` ("model.head_dim", "stages.wide.moe.top_k") that has its default value,
/// because the document `root` gives it neither there nor where the stage inherits it from. "" if there is none.
std::string default_notes(const Node& root, const std::vector<std::string>& keys);

}  // namespace sluice::recipes
