// Where a step can be watched and changed, by global name and never by rank: pure functions, so that any layout does the same.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Sums over the whole step and all ranks, by name; today "layers.3.feed_forward/counts": routed (token, k) pairs, int64 [families].
using StepStatistics = std::map<std::string, at::Tensor>;

/// Called on every rank after the optimizer with the same statistics; what it changes must follow from them alone.
using UpdateRule = std::function<void(const StepStatistics& statistics)>;

/// Changes `tensor` in place, a view of one leaf's gradient or update; randomness from (seed, leaf, step) only (core/base/random.hpp).
using LeafTransform = std::function<void(const std::string& leaf, std::int64_t step, at::Tensor tensor)>;

struct StepHooks {
  LeafTransform gradient;  // of the reduced gradient, before the norm is taken and clipped to
  LeafTransform update;    // of new value - old value, after the optimizer
};

}  // namespace sluice::recipes
