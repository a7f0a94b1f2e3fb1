// Whether weights and gradients are finite numbers, and which is the first that is not.
#pragma once

#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <string>

namespace sluice::recipes {

/// Collective: the canonical name of the first weight, or gradient, that is not finite, "" if all are. Experts are looked at by their
/// owners, so the lowest rank that has such a tensor names it.
std::string first_non_finite_weight(const TrainModel& model, const Layout& layout, std::int64_t step);
std::string first_non_finite_gradient(const TrainModel& model, const Layout& layout, std::int64_t step);

/// Collective: diverged_error (exit 5) naming the weight, after an update.
void require_finite_weights(const TrainModel& model, const Layout& layout, std::int64_t step);

}  // namespace sluice::recipes
