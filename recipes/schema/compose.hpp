// One document out of a recipe file, the files it extends, and the overrides of the command line.
#pragma once

#include "recipes/schema/document.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::recipes {

/// The document of the recipe file `path`, merged over the files it extends, with the overrides on top. Maps are merged, everything else is
/// replaced; every node keeps the mark of where it was written. The result has no `extends` key and no keys x-... at the top level.
/// Usage errors: an unreadable or empty file, wrong syntax, a file that extends itself, malformed overrides, unknown stage names.
Node compose(const std::filesystem::path& path, const std::vector<std::string>& overrides);

}  // namespace sluice::recipes
