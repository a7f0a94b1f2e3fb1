// Whether experts that began as copies become different, as cosines between weights: gate, up and down of an expert are one vector.
//   between experts   over all pairs of a layer, (|sum of unit vectors|^2 - E) / (E (E - 1)): one pass over the weights, no pair is formed
//   to the origin     between each expert and the part of the dense feed-forward that it was made of
// Sums are in the weights' precision, expert by expert and then in the order of ranks; norms and products in double. The same bits for
// the same layout, equal to rounding on every layout.
#pragma once

#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

struct ExpertDifference {
  std::vector<double> cosine;        // by sparse layer; empty where a layer has one expert
  std::vector<double> dense_cosine;  // by sparse layer; empty where the model has no origin
};

/// Collective over the expert group: one sum as long as an expert (times its shards, where the origin has several) in each layer.
ExpertDifference expert_difference(const TrainModel& model, const Layout& layout, std::int64_t step);

}  // namespace sluice::recipes
