// Carries out a conversion: makes the new model's leaves from the old model's, as moe/plan/conversion.hpp says. It is local on every rank,
// since the rank that owns a new expert always owns the expert it is made from.
#pragma once

#include "moe/plan/conversion.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/train_model.hpp"

namespace sluice::recipes {

/// The converted model of `old`, which keeps its values. With `keep_moments` Adam's moments m and v and their counts of updates are
/// converted too, as gradients will change: a tensor scaled by c gets m / c and v / c^2; each of n copies gets m / n, because their
/// gradients sum to that of their source, and v as LeafPlan says. A leaf that is a sum takes the moments of its first addend; rows drawn
/// anew start at zero. Without `keep_moments` the optimizer starts over. Data error if a tensor that the plan needs is missing in `old`, or
/// if one of `old` is not used.
TrainModel convert_model(TrainModel& old, const moe::Conversion& conversion, const Layout& layout, parallel::ExchangeKind exchange,
                         std::uint64_t seed, bool keep_moments);

/// Fills the gate [E, D] of a flattened router from the family router `then`, as plan_leaf (moe/plan/conversion.hpp) says.
void fill_flat_gate(const moe::Router& then, const moe::Conversion& conversion, const at::Tensor& gate);

/// Replaces the routers of `model`, which was flattened from `old`, by those for the flatten_scale of `conversion`.
void rescale_flattened(TrainModel& old, TrainModel& model, const moe::Conversion& conversion);

/// Sets the gates of all sparse layers: rows[i] [E, D] is that of the i-th.
void set_gates(TrainModel& model, const std::vector<at::Tensor>& rows);

/// Adds noise to the experts' weights (its std is relative_noise * the std of the leaf), and draws a share of each expert's intermediate
/// columns anew from N(mean, std^2) of the leaf (drop-upcycling, arXiv:2502.19261); the moments of these columns and their counts of
/// updates start at zero. With `copies` > 1 (growth) the first expert of each group of copies stays as it is. Draws are a function of
/// (seed, leaf name).
void perturb_experts(TrainModel& model, double relative_noise, double reinit_fraction, std::int64_t copies, std::uint64_t seed);

/// Collective. Removes from new router rows the direction that all tokens have in common, so that tokens do not all choose the same
/// experts: the direction of the mean input of each sparse layer, over the held batch, as `old` computes it on rank 0. `rows` says which
/// are new. Tied rows stay equal.
void spread_tokens(TrainModel& old, TrainModel& model, moe::NewRows rows, const Layout& layout, const EvaluationSet& held,
                   std::int64_t step);

/// Makes the router rows of twins differ: adds +d to the first and -d to the second, d ~ N(0, (relative * rms of the row)^2).
void part_twins(TrainModel& model, double relative, std::uint64_t seed);

/// Makes the router rows of replicas differ: adds noise N(0, (relative * rms of the row)^2) to all but the first of every `copies` rows.
/// Then replicas get other tokens and weights, and so other gradients.
void part_replicas(TrainModel& model, std::int64_t copies, double relative, std::uint64_t seed);

}  // namespace sluice::recipes
