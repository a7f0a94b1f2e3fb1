// The reference page of all recipe keys, generated from the tables that read them.
#pragma once

#include <string>

namespace sluice::recipes {

/// The whole text of recipes/KEYS.md. The same with every compiler and library version.
std::string reference_page();

}  // namespace sluice::recipes
