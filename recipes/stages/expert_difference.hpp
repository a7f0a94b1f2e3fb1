// Measures whether experts that began as copies become different, by cosines between their weights: gate, up and down of an expert are
// taken as one vector.
//   between experts   mean over all pairs of a layer, computed as (|sum of unit vectors|^2 - E) / (E (E - 1)) in one pass over the weights
//   to the origin     mean over the experts of the cosine with the part of the dense feed-forward that the expert was made of
// Sums are in the weights' precision, expert by expert and then in the order of ranks; norms and products are in double. The same layout
// gives the same bits; different layouts give results that are equal up to rounding.
#pragma once

#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

struct ExpertDifference {
  std::vector<double> cosine;        // between experts, by sparse layer; empty if a layer has one expert
  std::vector<double> dense_cosine;  // to the origin, by sparse layer; empty if the model has no origin
};

/// Collective over the expert group, which sums up one vector for each layer, as long as an expert (times the shards of the origin).
ExpertDifference expert_difference(const TrainModel& model, const Layout& layout, std::int64_t step);

}  // namespace sluice::recipes
