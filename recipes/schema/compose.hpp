// One document out of a recipe file, the files it extends, and the overrides of the command line.
#pragma once

#include "recipes/schema/document.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Maps are merged, everything else is replaced; every node keeps the mark of where it was written. The `extends` key is gone, and
/// so are keys x-... of a file's top level.
/// Throws usage errors: unreadable or empty file, syntax, circles of `extends`, malformed overrides, unknown stage names.
Node compose(const std::filesystem::path& path, const std::vector<std::string>& overrides);

}  // namespace sluice::recipes
