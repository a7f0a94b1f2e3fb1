// Makes new router rows that share out the text evenly among the experts from the start (moe.router_init: balanced). The rows are made from
// the inputs of the sparse layers on sequences of the training text (moe/balanced_rows.hpp). All functions but balancing_bytes() are
// collective: rank 0 makes the rows and the others receive them, so that they do not depend on the layout.
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

/// The memory, in bytes, that balancing the routers of `model` on `tokens` tokens takes on rank 0, besides the models.
double balancing_bytes(const ModelDescription& model, std::int64_t tokens);

/// The model before a conversion (`old`) and the text that rows are made on: the first `count` sequences of `text`.
struct BalancingText {
  parallel::World& world;
  const Layout& layout;
  TrainModel& old;
  const EvaluationSet& text;
  std::int64_t count;
  std::int64_t step;  // steps finished
};

/// Replaces the router rows that `conversion` drew for `model` by balanced ones. After a sparsify conversion these are the gates (shards of
/// a virtual group share a row); after growth by families the new level of the family gates, where each pair of rows divides the tokens of
/// its node. Other conversions are left as they are.
/// `same`: `model` computes the same function as the model before it. Then rows are made from the old model's inputs. Else (the conversion
/// is not exact, or experts were changed since) a layer's inputs are those that `model` has with the new rows of the layers before it.
/// Draws are a function of (seed, leaf name).
void balance_new_rows(const BalancingText& from, TrainModel& model, const moe::Conversion& conversion, bool same, std::uint64_t seed);

/// Makes the equal router rows of replicas differ, layer by layer, so that each parent's tokens are shared out evenly among its `copies`.
/// The rows that are added sum to 0 over the copies of a parent; the standard deviation of their logits is relative * sqrt((copies - 1) /
/// copies) times that of the parent's. Rows that differ also win more tokens of other parents, so in a second step each row gets as much of
/// the inputs' common direction (moe/balanced_rows.hpp) as makes the loads of the layer even. Draws are a function of (seed, leaf name).
void part_evenly(const BalancingText& from, TrainModel& model, std::int64_t copies, double relative, std::uint64_t seed);

/// For each flatten_scale in `scales` (moe/plan/conversion.hpp) and each sparse layer: the gate [E, D] of the flattened router at that
/// scale, each row shifted so that tokens are shared out evenly. `model` is the flattened model; it is not changed.
std::vector<std::vector<at::Tensor>> evened_flat_rows(const BalancingText& from, TrainModel& model, moe::Conversion conversion,
                                                      const std::vector<double>& scales);

}  // namespace sluice::recipes
