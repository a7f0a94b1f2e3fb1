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

/// Whether a parameter is trained; empty: all are. What is frozen costs no gradient, no moments and no reduction.
using Trainable = std::function<bool(const Parameter& parameter)>;

struct TrainModel {
  std::string name;  // among several of a process, "" for the only one: its layout's
  DecoderConfig config;
  std::optional<moe::MoeConfig> moe;
  std::unique_ptr<Decoder> decoder;
  std::vector<moe::MoeFeedForward*> sparse;  // ascending layers, owned by the decoder
  std::shared_ptr<parallel::TokenExchange> exchange;  // null while dense
  Trainable trainable;
  ParameterSet parameters;
  AdamW optimizer;
  RoutingLedger last_routing;                // of the last finished step, over all ranks; empty before the first
  std::optional<DenseOrigin> origin;         // of a model whose experts were made of dense feed-forwards in this run
  at::Tensor held_choices;                   // at the stage's last logged step (router_movement.hpp); undefined before the first
  std::vector<UpdateRule> rules;             // after each optimizer step: the routers' selection bias

  /// Its element type and where it lives.
  at::TensorOptions options() const { return at::TensorOptions(decoder->type()).device(decoder->device()); }
  /// What its random numbers are drawn from in a run of that seed: a function of the two names, the run's and its own.
  std::uint64_t own_seed(std::uint64_t seed) const;
  /// Settings that belong to a stage and not to the shape: coefficients, capacity, bias rate, top_k.
  void set_moe(const moe::MoeConfig& settings);
};

/// The name of a sparse slot's routing counts in the statistics of a step, from its path.
std::string counts_name(const std::string& slot);

/// What a model is built for: only one that trains has gradients and an optimizer, three times the memory of its weights.
enum class ModelUse { kTraining, kEvaluation };

/// Allocates the model with zero weights; every rank makes the same dense parameters and its own experts.
/// `options`: its element type and device.
TrainModel build_model(const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe, const Layout& layout, const at::TensorOptions& options,
                       parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto, ModelUse use = ModelUse::kTraining, const Trainable& trainable = {});

/// Fresh weights, a function of (seed, model name, leaf name, element) alone: N(0, 0.02^2), projections into the residual stream scaled by
/// 1/sqrt(2L), norms 1, routers N(0, router_init_std^2).
void initialize(TrainModel& model, std::uint64_t seed);

/// Fills a [rows, columns] (or flat) leaf with N(0, std^2) drawn for `name`; rows come in runs of `tied_rows` equal ones.
void fill_normal(at::Tensor leaf, std::uint64_t seed, const std::string& name, double std, std::int64_t tied_rows = 1);

/// The leaves of a model as far as this rank owns them.
LeafStore owned_leaves_of(TrainModel& model);
/// The same, for work on whole leaves. Usage error if this rank owns only part of one.
LeafStore leaves_of(TrainModel& model);

}  // namespace sluice::recipes
