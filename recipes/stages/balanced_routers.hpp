// Routers that share out the text evenly at the start (moe.router_init: balanced): rows of a conversion made from the layers'
// own inputs, as the model before it computes them on sequences of the training text. Collective all of it: rank 0 makes the rows, the
// others take them over, so that no layout changes them.
#pragma once

#include "moe/plan/conversion.hpp"
#include "parallel/comm/world.hpp"
#include "recipes/convert/model_description.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

/// What balancing the routers of `model` on `tokens` tokens holds at once on rank 0 beside the models, in bytes.
double balancing_bytes(const ModelDescription& model, std::int64_t tokens);

/// The model before a conversion and the text that rows are chosen on: the first `count` sequences of `text`.
struct BalancingText {
  parallel::World& world;
  const Layout& layout;
  TrainModel& old;
  const EvaluationSet& text;
  std::int64_t count;
  std::int64_t step;  // steps finished
};

/// Makes the rows that `conversion` drew for `model` anew: the gates of sparsify (shards of a virtual group share a row), the new level
/// of the family gates of growth by families, each pair of which parts the tokens of its node; nothing for other conversions.
/// Where `model` does not compute the `same` as the model before it (the conversion is not exact, or experts were drawn anew since), a layer's
/// inputs are those that `model` computes with the rows of the layers before it. Draws are a function of (seed, leaf name).
void balance_new_rows(const BalancingText& from, TrainModel& model, const moe::Conversion& conversion, bool same, std::uint64_t seed);

/// Parts the equal router rows of replicas, layer by layer, so that each parent's tokens are shared out evenly among its `copies`: by rows that
/// are 0 over a parent's copies together, whose logits spread relative * sqrt((copies - 1) / copies) times as far as the parent's. A row is
/// asked about other parents' tokens too, and parted ones win more of them: so each then gets as much of the inputs' common direction
/// (moe/balanced_rows.hpp) as makes the loads of the layer even.
void part_evenly(const BalancingText& from, TrainModel& model, std::int64_t copies, double relative, std::uint64_t seed);

/// For each of `scales` and each sparse layer, the gate [E, D] of `model` flattened at that scale (conversion_plan.hpp) with each row
/// shifted so that tokens are shared out evenly.
std::vector<std::vector<at::Tensor>> evened_flat_rows(const BalancingText& from, TrainModel& model, moe::Conversion conversion,
                                                      const std::vector<double>& scales);

}  // namespace sluice::recipes
