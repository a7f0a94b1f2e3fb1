// The parameter that a leaf is a part of.
#pragma once

#include "core/nn/parameter_set.hpp"

#include <algorithm>
#include <stdexcept>

namespace sluice::testing {

inline const Parameter& parameter_of(const ParameterSet& parameters, const Leaf& leaf) {
  for (const Parameter* p : parameters.all())
    if (std::any_of(p->leaves.begin(), p->leaves.end(), [&](const Leaf& each) { return each.name == leaf.name; })) return *p;
  throw std::invalid_argument("no parameter has the leaf " + leaf.name);
}

}  // namespace sluice::testing
