// The objective of every stage that predicts text:
//   loss                 sum of the tokens' negative log-likelihoods / targets  (coefficient 1)
//   load_balancing_loss  balance sum of a sparse layer / tokens                 (coefficient aux_loss_coef; moe/balance.hpp)
//   z_loss               sum of logsumexp(router logits)^2 / tokens             (coefficient z_loss_coef)
// The last two are summed over the sparse layers in the objective. What is reported is their mean over these layers, without the
// coefficient.
#pragma once

#include "recipes/stages/objective.hpp"
#include "recipes/stages/train_model.hpp"
#include "recipes/stages/training_step.hpp"

namespace sluice::recipes {

/// Whether the balance term needs the routing counts of the whole step (balance_loss global, aux_loss_coef above 0).
bool reads_step_routing(const moe::MoeConfig& moe);

/// The objective of one step of `model`. It refers to the model's settings and to its last_routing, so it must not outlive the model.
Objective language_objective(const TrainModel& model);

/// The term "loss" of a step with that objective: cross-entropy in nats per token.
inline double loss_of(const StepResult& result) { return result.terms.at("loss"); }

}  // namespace sluice::recipes
