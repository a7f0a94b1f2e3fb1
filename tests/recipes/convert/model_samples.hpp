// Small models of every kind that Sluice trains.
#pragma once

#include "recipes/convert/model_description.hpp"

#include <string>
#include <utility>
#include <vector>

namespace sluice::recipes {

inline ModelDescription dense_sample(QkNorm qk_norm) {
  ModelDescription model;
  model.decoder.vocab_size = 96;
  model.decoder.hidden_size = 32;
  model.decoder.num_layers = 4;
  model.decoder.num_attention_heads = 4;
  model.decoder.num_key_value_heads = 2;
  model.decoder.head_dim = 16;  // not hidden_size / heads
  model.decoder.intermediate_size = 48;
  model.decoder.max_position_embeddings = 64;
  model.decoder.qk_norm = qk_norm;
  model.decoder.rope_theta = 12345.5;
  model.decoder.rms_norm_eps = 3e-6;
  model.decoder.tie_word_embeddings = qk_norm == QkNorm::kHead;
  model.eos_token_id = 95;
  return model;
}

inline ModelDescription sparse_sample(QkNorm qk_norm, std::vector<std::int64_t> layers, moe::ScoreFunction score) {
  ModelDescription model = dense_sample(qk_norm);
  moe::MoeConfig moe;
  moe.num_experts = 6;
  moe.top_k = 2;
  moe.expert_hidden_size = 24;
  moe.layers = std::move(layers);
  moe.score_func = score;
  moe.aux_loss_coef = 0.02;
  model.moe = moe;
  return model;
}

struct NamedModel {
  std::string name;
  std::string model_type;  // "" if no architecture computes it
  ModelDescription model;
};

/// One or more of each architecture, and models without one.
inline std::vector<NamedModel> model_samples() {
  const auto softmax = moe::ScoreFunction::kSoftmax;
  const auto sigmoid = moe::ScoreFunction::kSigmoid;
  const std::vector<std::int64_t> all = {0, 1, 2, 3};
  std::vector<NamedModel> samples = {
      {"llama", "llama", dense_sample(QkNorm::kNone)},
      {"qwen3", "qwen3", dense_sample(QkNorm::kHead)},
      {"mixtral", "mixtral", sparse_sample(QkNorm::kNone, all, softmax)},
      {"qwen3_moe", "qwen3_moe", sparse_sample(QkNorm::kHead, all, softmax)},
      {"qwen3_moe_mixed", "qwen3_moe", sparse_sample(QkNorm::kHead, {1, 3}, softmax)},
      {"glm4_moe", "glm4_moe", sparse_sample(QkNorm::kHead, {2, 3}, sigmoid)},
      {"glm4_moe_bias", "glm4_moe", sparse_sample(QkNorm::kNone, all, sigmoid)},
  };
  samples[4].model.moe->norm_topk_prob = false;
  samples[4].model.dtype = DType::kBFloat16;
  samples[5].model.moe->num_shared_experts = 2;
  samples[6].model.moe->bias_update_rate = 1e-3;
  samples[6].model.moe->num_shared_experts = 1;
  samples[6].model.moe->routed_scaling_factor = 2.5;
  samples[6].model.dtype = DType::kBFloat16;
  NamedModel families = {"families", "", sparse_sample(QkNorm::kHead, all, softmax)};
  families.model.moe->family_size = 2;
  families.model.moe->balance_loss = moe::BalanceLoss::kLagged;
  samples.push_back(families);
  NamedModel fours = {"families_of_four", "", sparse_sample(QkNorm::kHead, {1, 3}, softmax)};
  fours.model.moe->num_experts = 8;
  fours.model.moe->family_size = 4;
  samples.push_back(fours);
  samples.push_back({"projection", "", dense_sample(QkNorm::kProjection)});
  NamedModel olmoe = {"olmoe", "olmoe", sparse_sample(QkNorm::kProjection, all, softmax)};
  olmoe.model.decoder.head_dim = 8;  // hidden_size / heads
  olmoe.model.moe->norm_topk_prob = false;
  samples.push_back(olmoe);
  return samples;
}

}  // namespace sluice::recipes
