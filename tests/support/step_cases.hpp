// Small models whose steps between them use every kind of layer: what a step computes is compared on them.
#pragma once

#include "tests/support/tiny_model.hpp"

#include <optional>
#include <string>
#include <vector>

namespace sluice::testing {

struct StepCase {
  std::string name;
  DecoderConfig config = tiny_decoder();
  std::optional<moe::MoeConfig> moe = std::nullopt;
  parallel::ExchangeKind exchange = parallel::ExchangeKind::kAuto;
};

/// Dense ones, softmax, families with a shared expert and a capacity, sigmoid with rows that travel. Experts are of that width.
inline std::vector<StepCase> step_cases(std::int64_t expert_hidden_size = tiny_moe().expert_hidden_size) {
  std::vector<StepCase> all;
  all.push_back({"dense"});
  all.push_back({"dense, q/k-norm"});
  all.back().config.qk_norm = QkNorm::kHead;
  moe::MoeConfig moe = tiny_moe();
  moe.expert_hidden_size = expert_hidden_size;
  moe.aux_loss_coef = 0.1;
  moe.z_loss_coef = 0.01;
  all.push_back({"softmax", tiny_decoder(), moe});
  moe.num_experts = 8;
  moe.num_shared_experts = 1;
  moe.capacity_factor = 1.0;
  moe.family_size = 2;
  moe.norm_topk_prob = false;
  all.push_back({"families, shared expert, capacity", tiny_decoder(), moe});
  moe.family_size = 1;
  moe.score_func = moe::ScoreFunction::kSigmoid;
  moe.balance_loss = moe::BalanceLoss::kSequence;
  moe.bias_update_rate = 0.01;
  all.push_back({"sigmoid, balance by sequence, rows that travel", tiny_decoder(), moe, parallel::ExchangeKind::kFlat});
  return all;
}

/// The model of a case with fresh weights, the same on every device.
inline recipes::TrainModel model_of(const StepCase& c, const at::TensorOptions& options) {
  recipes::TrainModel model = recipes::build_model(c.config, c.moe, alone_layout(), options, c.exchange);
  recipes::initialize(model, 5);
  return model;
}

}  // namespace sluice::testing
