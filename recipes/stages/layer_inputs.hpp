// What the sparse layers of a model see, and where they send it, on given sequences.
#pragma once

#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice::recipes {

/// Collective. The inputs [N, D] of the feed-forwards of `layers` on sequences [0, count) of `set`, at most `most_rows` of them, evenly
/// spaced; in float32 for bfloat16 models. Rank 0 runs all of them in one cut that no layout changes, the others add nothing (their
/// experts serve), so that the same weights give the same bits on every layout; other ranks get undefined tensors. `progress` hears
/// how many sequences are done.
std::vector<at::Tensor> layer_inputs(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t count,
                                     const std::vector<std::int64_t>& layers, std::int64_t most_rows, std::int64_t step,
                                     const std::function<void(std::int64_t done)>& progress);

/// Collective. For each sparse layer the rows that each expert computes [E] of sequences [begin, end) of `set`, shared among the ranks,
/// `batch` sequences a pass at most; the same on every rank.
std::vector<std::vector<std::int64_t>> expert_counts(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t begin,
                                                     std::int64_t end, std::int64_t batch, std::int64_t step);

}  // namespace sluice::recipes
