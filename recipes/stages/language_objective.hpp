// The objective of every stage that predicts text:
//   loss                 sum of token nll / targets                             (coefficient 1)
//   load_balancing_loss  a sparse slot's balance sum / present tokens           (aux_loss_coef; moe/balance.hpp)
//   z_loss               a sparse slot's sum of logsumexp^2 / present tokens    (z_loss_coef)
// The last two are sums over the sparse slots; what is shown of them is the mean over slots, without the coefficient.
#pragma once

#include "recipes/stages/objective.hpp"
#include "recipes/stages/train_model.hpp"
#include "recipes/stages/training_step.hpp"

namespace sluice::recipes {

/// Whether the balance term reads the routing of the whole step.
bool reads_step_routing(const moe::MoeConfig& moe);

/// For one step of `model`, whose settings and last step's routing it refers to.
Objective language_objective(const TrainModel& model);

/// The term "loss" of a step of that objective: cross-entropy, nats per token.
inline double loss_of(const StepResult& result) { return result.terms.at("loss"); }

}  // namespace sluice::recipes
