// A model small enough for finite differences, and batches for it. One rank, no launcher.
#pragma once

#include "core/base/random.hpp"
#include "recipes/stages/evaluation.hpp"
#include "recipes/stages/layout.hpp"
#include "recipes/stages/train_model.hpp"
#include "recipes/stages/language_objective.hpp"
#include "recipes/stages/training_step.hpp"

#include <memory>

namespace sluice::testing {

inline parallel::World& alone() {
  static const std::unique_ptr<parallel::World> world = parallel::World::start({.backend = parallel::CommBackend::kLoopback});
  return *world;
}

inline const recipes::Layout& alone_layout() {
  static const recipes::Layout layout = recipes::make_layout(alone(), 1);
  return layout;
}

inline DecoderConfig tiny_decoder() {
  DecoderConfig config;
  config.vocab_size = 37;
  config.hidden_size = 16;
  config.num_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  config.intermediate_size = 24;
  config.max_position_embeddings = 8;
  return config;
}

inline moe::MoeConfig tiny_moe() {
  moe::MoeConfig config;
  config.num_experts = 4;
  config.top_k = 2;
  config.expert_hidden_size = 12;
  config.layers = {0, 1};
  config.aux_loss_coef = 0.05;
  config.z_loss_coef = 0.01;
  config.router_init_std = 0.5;
  return config;
}

inline recipes::LocalBatch tiny_batch(std::int64_t sequences, std::int64_t length, std::int64_t vocabulary, std::uint64_t seed = 3) {
  std::vector<std::int32_t> tokens;
  std::vector<std::int64_t> samples;
  for (std::int64_t i = 0; i < sequences * (length + 1); ++i)
    tokens.push_back(static_cast<std::int32_t>(random_uniform(random_key(seed, "tokens"), static_cast<std::uint64_t>(i)) *
                                               static_cast<double>(vocabulary)));
  for (std::int64_t i = 0; i < sequences; ++i) samples.push_back(i);
  return recipes::LocalBatch::of_length(length, std::move(tokens), std::move(samples), sequences);
}

inline recipes::EvaluationSet tiny_evaluation(std::int64_t sequences, std::int64_t length, std::int64_t vocabulary,
                                              std::uint64_t seed = 3) {
  recipes::EvaluationSet set;
  set.tokens = tiny_batch(sequences, length, vocabulary, seed).tokens;
  set.length = length;
  return set;
}

/// A model with larger weights than training starts from, so that nonlinearities have an effect that tests can see.
inline recipes::TrainModel tiny_model(const DecoderConfig& config, const std::optional<moe::MoeConfig>& moe, at::ScalarType type,
                                      std::uint64_t seed = 11) {
  recipes::TrainModel model = recipes::build_model(config, moe, alone_layout(), type);
  recipes::initialize(model, seed);
  at::NoGradGuard no_grad;
  for (const LeafView& view : recipes::leaves_of(model))
    if (view.value.dim() == 1) recipes::fill_normal(view.value, seed, view.leaf.name, 0.3), view.value.add_(1.0);
    else if (view.leaf.name.find("gate.weight") == std::string::npos) view.value.mul_(12.0);
  model.decoder->refresh_compute();
  return model;
}

/// What a step computed that was started.
inline recipes::StepResult finished(const recipes::TrainModel& model, const recipes::StartedStep& step,
                                    const recipes::Layout& layout = alone_layout()) {
  return recipes::finish_steps(model, layout, {step}).front();
}

inline recipes::StepResult gradients_of(recipes::TrainModel& model, const recipes::LocalBatch& batch,
                                        const recipes::StepOptions& options = {}) {
  return finished(model, recipes::compute_gradients(model, alone_layout(), batch, recipes::language_objective(model), options));
}

inline recipes::StepResult step_of(recipes::TrainModel& model, const recipes::LocalBatch& batch, const recipes::StepOptions& options) {
  return finished(model, recipes::train_step(model, alone_layout(), batch, recipes::language_objective(model), options));
}

}  // namespace sluice::testing
