// A model in training: decoder, parameters with gradients, optimizer, and the state that balance rules carry from step to step.
#pragma once

#include "core/models/decoder.hpp"
#include "core/optim/adamw.hpp"
#include "core/optim/leaf_store.hpp"
#include "moe/moe_feed_forward.hpp"
#include "recipes/stages/dense_origin.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/routing_ledger.hpp"
#include "recipes/stages/step_hooks.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Whether a parameter is trained; an empty function means all are. A frozen parameter has no gradient and no moments and is not reduced.
using Trainable = std::function<bool(const Parameter& parameter)>;

struct TrainModel {
  std::string name;  // Layout::model: tells apart several models of a process; "" for the only one
  DecoderConfig config;
  std::optional<moe::MoeConfig> moe;
  std::unique_ptr<Decoder> decoder;
  std::vector<moe::MoeFeedForward*> sparse;           // ascending layers, owned by the decoder
  std::shared_ptr<parallel::TokenExchange> exchange;  // null while dense
  Trainable trainable;
  ParameterSet parameters;
  AdamW optimizer;
  RoutingLedger last_routing;         // of the last finished step, over all ranks; empty before the first
  std::optional<DenseOrigin> origin;  // set if the experts were made of dense feed-forwards
  at::Tensor held_choices;            // at the stage's last logged step (router_movement.hpp); undefined before
  std::vector<UpdateRule> rules;      // called after each optimizer step; they update selection biases
  at::Tensor sound;                   // float64 []: 1; 0 once a step was not finite, and from then on nothing changes

  /// The model's element type and device.
  at::TensorOptions options() const { return at::TensorOptions(decoder->type()).device(decoder->device()); }
  /// The seed of this model's random numbers in a run with the seed `seed`: that seed itself, or, if the model has a name, a function of
  /// both.
  std::uint64_t own_seed(std::uint64_t seed) const;
  /// Changes the settings that belong to a stage and not to the model's shape: coefficients, capacity, bias rate, top_k. Usage error if the
  /// shape is another.
  void set_moe(const moe::MoeConfig& settings);
};

/// The name of a sparse slot's routing counts in the statistics of a step, from its path.
std::string counts_name(const std::string& slot);

/// What a model is built for. Only one for training has gradients and an optimizer, which take three times the memory of its weights.
enum class ModelUse { kTraining, kEvaluation };

/// Allocates the model with zero weights; every rank has the same dense parameters and its own experts. `options` are element type and
/// device.
TrainModel build_model(const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe, const Layout& layout,
                       const at::TensorOptions& options, parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto,
                       ModelUse use = ModelUse::kTraining, const Trainable& trainable = {});

/// Draws new weights, a function of (seed, model name, leaf name, element) alone: N(0, 0.02^2), for projections into the residual stream
/// scaled by 1/sqrt(2L) with L layers; norms are 1; routers N(0, router_init_std^2).
void initialize(TrainModel& model, std::uint64_t seed);

/// Fills a [rows, columns] (or flat) leaf with N(0, std^2) drawn for `name`; rows come in runs of `tied_rows` equal ones.
void fill_normal(at::Tensor leaf, std::uint64_t seed, const std::string& name, double std, std::int64_t tied_rows = 1);

/// The leaves that this rank holds, with the part of each that it owns.
LeafStore owned_leaves_of(TrainModel& model);
/// The leaves that this rank holds, for work on whole leaves. Usage error if this rank owns only a part of one.
LeafStore leaves_of(TrainModel& model);

}  // namespace sluice::recipes
