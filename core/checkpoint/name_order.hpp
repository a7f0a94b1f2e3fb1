// Tensor names contain numbers (of layers and experts). This file orders names by these numbers and prints long lists of names briefly.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

/// A total order in which runs of digits compare as numbers: layers.2 comes before layers.10.
bool natural_less(std::string_view a, std::string_view b);

/// Returns the names, sorted, with numbers folded into ranges wherever all names of the range are there:
/// model.layers.{0-23}.mlp.experts.{0-7}.up_proj.weight. The names must be distinct. The result stands for exactly these names.
std::vector<std::string> fold_names(std::vector<std::string> names);

}  // namespace sluice::checkpoint
