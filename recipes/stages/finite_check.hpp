// Finds the first weight or gradient that is not a finite number.
#pragma once

#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <string>

namespace sluice::recipes {

/// Collective. The canonical name of the first weight (gradient) that is not finite, the same on every rank; "" if all are finite. Each
/// rank checks the tensors it holds; the name comes from the lowest rank that has such a tensor.
std::string first_non_finite_weight(const TrainModel& model, const Layout& layout, std::int64_t step);
std::string first_non_finite_gradient(const TrainModel& model, const Layout& layout, std::int64_t step);

/// Collective. Diverged error (exit 5) that names the first weight that is not finite, if there is one.
void require_finite_weights(const TrainModel& model, const Layout& layout, std::int64_t step);

}  // namespace sluice::recipes
