// Finds the paths that match a glob.
#pragma once

#include <string>
#include <vector>

namespace sluice::data {

/// Whether `spec` has a character that a glob gives a meaning: * ? [ { ~
bool is_glob(const std::string& spec);

/// All paths that match * ? [] {} ~, in no order. Data error if an alternative of the braces matches nothing, if a folder on the way
/// cannot be read, or for ** (which the system's glob would take for *).
std::vector<std::string> expand_glob(const std::string& spec);

}  // namespace sluice::data
