// Computes, on given sequences, the inputs of a model's sparse layers and how many rows each expert gets.
#pragma once

#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <functional>
#include <vector>

namespace sluice::recipes {

/// Collective. On rank 0, the inputs [N, D] of the feed-forwards of `layers` on sequences [0, count) of `set`: at most `most_rows` rows of
/// each layer, evenly spread; in float32 for bfloat16 models. Other ranks get undefined tensors. Rank 0 runs all sequences, in batches that
/// do not depend on the layout; the other ranks run passes with zero rows, in which only their experts work. So the same weights give the
/// same bits on every layout. `progress` is called with the number of sequences done.
std::vector<at::Tensor> layer_inputs(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t count,
                                     const std::vector<std::int64_t>& layers, std::int64_t most_rows, std::int64_t step,
                                     const std::function<void(std::int64_t done)>& progress);

/// Collective. For each sparse layer [E]: how many rows of sequences [begin, end) of `set` each expert computes; the same on every rank.
/// The sequences are divided among the ranks, at most `batch` in a pass.
std::vector<std::vector<std::int64_t>> expert_counts(TrainModel& model, const Layout& layout, const EvaluationSet& set, std::int64_t begin,
                                                     std::int64_t end, std::int64_t batch, std::int64_t step);

}  // namespace sluice::recipes
