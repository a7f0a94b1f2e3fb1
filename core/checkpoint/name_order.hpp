// Tensor names have numbers in them (layer, expert): ordering them as people count, and printing long lists of them briefly.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sluice::checkpoint {

/// A total order in which runs of digits compare as numbers: layers.2 before layers.10.
bool natural_less(std::string_view a, std::string_view b);

/// Every name, with numbers folded into ranges where the names fill them: model.layers.{0-23}.mlp.experts.{0-7}.up_proj.weight.
/// Sorted; distinct names in, complete and unambiguous out.
std::vector<std::string> fold_names(std::vector<std::string> names);

}  // namespace sluice::checkpoint
