// Measures how much routers move: their gradient, and how many choices of experts for the held batch change.
// Legend: N rows of the held batch, K experts chosen for a row (top_k).
#pragma once

#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <optional>

namespace sluice::recipes {

/// The L2 norm of the gradient of all trained router rows, as the last step left it: reduced over the ranks, not clipped.
double router_gradient_norm(const ParameterSet& parameters);

/// Collective. The experts that compute each row of the held batch in each sparse layer: int64 [N, sparse layers, K], ascending in the last
/// dimension; -1 stands for a pair dropped over capacity. The result is the same on all ranks. The sequences are divided among the ranks,
/// `batch` in a pass; every rank runs the same number of passes.
at::Tensor held_choices(TrainModel& model, const Layout& layout, const EvaluationSet& held, std::int64_t batch, std::int64_t step);

/// The share of (row, layer) pairs whose set of experts differs between two results of held_choices(). Absent if `before` is undefined, or
/// if the two have different shapes.
std::optional<double> changed_share(const at::Tensor& before, const at::Tensor& now);

}  // namespace sluice::recipes
