// Functions that a step calls so that it can be watched and changed. They get global names, never ranks, and must be pure, so that the
// result is the same on every layout.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Sums over the whole step and all ranks, by name. There is one kind, for example "layers.3.feed_forward/counts": the (token, k) pairs
/// routed to each router row, int64 [num_families].
using StepStatistics = std::map<std::string, at::Tensor>;

/// Called on every rank after the optimizer, with the same statistics. What it changes must depend on these alone.
using UpdateRule = std::function<void(const StepStatistics& statistics)>;

/// Changes `tensor`, a view of one leaf's gradient or update, in place. Random numbers may depend on (seed, leaf, step) only
/// (core/base/random.hpp).
using LeafTransform = std::function<void(const std::string& leaf, std::int64_t step, at::Tensor tensor)>;

struct StepHooks {
  LeafTransform gradient;  // gets the reduced gradient, before its norm is computed and it is clipped
  LeafTransform update;    // gets new value - old value, after the optimizer
};

}  // namespace sluice::recipes
