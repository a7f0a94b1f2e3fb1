// A conversion carried out: the new model's leaves made from the old model's as moe/conversion_plan says. Local on every
// rank: a new expert's parent is always owned by the new expert's owner.
#pragma once

#include "moe/plan/conversion.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/train_model.hpp"

namespace sluice::recipes {

/// `keep_moments`: Adam moments and their counts of updates follow the weights and the gradients to come: a tensor scaled by c scales m
/// by 1/c and v by 1/c^2, and of n copies each has m/n, because their gradients sum to that of their source, and v as LeafPlan says (of
/// several addends the first gives them). Rows drawn anew start at zero. Otherwise the optimizer starts over. Data error if a tensor of `old` would go nowhere.
TrainModel convert_model(TrainModel& old, const moe::Conversion& conversion, const Layout& layout, parallel::ExchangeKind exchange, std::uint64_t seed,
                         bool keep_moments);

/// Fills the gate [E, D] of a flattened router from the family router `then`, as conversion_plan says.
void fill_flat_gate(const moe::Router& then, const moe::Conversion& conversion, const at::Tensor& gate);

/// Makes the routers of `model`, a conversion of `old`, anew for another `flatten_scale` than it was converted with.
void rescale_flattened(TrainModel& old, TrainModel& model, const moe::Conversion& conversion);

/// Sets the gates of all sparse layers, [E, D] each.
void set_gates(TrainModel& model, const std::vector<at::Tensor>& rows);

/// Relative noise on the experts' weights (std = relative * the leaf's own std), and re-drawing of a share of each expert's
/// intermediate columns from N(mean, std) of the leaf (drop-upcycling, arXiv:2502.19261); the moments of those and their counts of updates start at zero. Growth
/// spares the first of each family of copies (`copies` > 1). Both are functions of (seed, leaf name).
void perturb_experts(TrainModel& model, double relative_noise, double reinit_fraction, std::int64_t copies, std::uint64_t seed);

/// Makes router rows drawn anew blind to what all tokens have in common: takes the direction of the mean input of each sparse layer
/// (over the held batch, computed by `old`) out of them. Otherwise that common part decides and all tokens choose the same experts.
/// `rows` says which are new; tied ones stay equal. Collective: the mean is rank 0's.
void spread_tokens(TrainModel& old, TrainModel& model, moe::NewRows rows, const Layout& layout, const EvaluationSet& held,
                   std::int64_t step);

/// Parts the router rows of twins: +d for the first, -d for the second, d ~ N(0, (relative * rms of the row)^2).
void part_twins(TrainModel& model, double relative, std::uint64_t seed);

/// Parts the router rows of replicas: each but the first of every `copies` rows gets noise N(0, (relative * rms of the row)^2) of its
/// own, so that they differ in tokens and weights, and hence in gradients.
void part_replicas(TrainModel& model, std::int64_t copies, double relative, std::uint64_t seed);

}  // namespace sluice::recipes
