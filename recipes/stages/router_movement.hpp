// How much routers move: their gradient, and the choices that change between two looks at the held batch.
// Legend: N rows of the held batch, K choices a row.
#pragma once

#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <optional>

namespace sluice::recipes {

/// L2 norm of the gradient over all router rows that are trained as the last step left it: reduced, before clipping.
double router_gradient_norm(const ParameterSet& parameters);

/// Collective: every rank runs the same number of passes over its share of the sequences, `batch` at a time. The experts that compute
/// each row of the held batch in each sparse layer, ascending (-1 first: dropped over capacity): int64 [N, layers, K], the same on all ranks.
at::Tensor held_choices(TrainModel& model, const Layout& layout, const EvaluationSet& held, std::int64_t batch, std::int64_t step);

/// Share of (row, layer) whose set of experts is another one; absent unless both tell of as many rows, layers and choices.
std::optional<double> changed_share(const at::Tensor& before, const at::Tensor& now);

}  // namespace sluice::recipes
