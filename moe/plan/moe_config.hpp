// The shape and the settings of the sparse feed-forward layers as plain values.
#pragma once

#include "core/base/enum_names.hpp"
#include "core/shape/decoder_config.hpp"

#include <cstdint>
#include <vector>

namespace sluice::moe {

/// The function that turns a token's logits into the scores of experts.
enum class ScoreFunction { kSoftmax, kSigmoid };
inline constexpr EnumName<ScoreFunction> kScoreNames[] = {{ScoreFunction::kSoftmax, "softmax"}, {ScoreFunction::kSigmoid, "sigmoid"}};
constexpr std::span<const EnumName<ScoreFunction>> names_of(ScoreFunction) { return kScoreNames; }

/// Whose counts give f_i in the balance loss E * sum_i f_i P_i (Switch/GShard form, f_i = count_i / (T*k)).
enum class BalanceLoss {
  kGlobal,    // those of the whole step over all ranks (arXiv:2501.11873)
  kSequence,  // those of each sequence alone
  kLagged,    // those of the step before, over all ranks
};
inline constexpr EnumName<BalanceLoss> kBalanceNames[] = {
    {BalanceLoss::kGlobal, "global"}, {BalanceLoss::kSequence, "sequence"}, {BalanceLoss::kLagged, "lagged"}};
constexpr std::span<const EnumName<BalanceLoss>> names_of(BalanceLoss) { return kBalanceNames; }

/// How a conversion makes the router rows that it adds.
enum class RouterInit {
  kNormal,    // drawn at random
  kBalanced,  // drawn, and then shifted so that they share out the text evenly (moe/balanced_rows.hpp)
};
inline constexpr EnumName<RouterInit> kRouterInitNames[] = {{RouterInit::kBalanced, "balanced"}, {RouterInit::kNormal, "normal"}};
constexpr std::span<const EnumName<RouterInit>> names_of(RouterInit) { return kRouterInitNames; }

/// The recipe's section `moe` (recipes/KEYS.md).
struct MoeConfig {
  std::int64_t num_experts = 8;         // E; with families, the experts of all families together
  std::int64_t top_k = 2;               // K, experts chosen for each token
  std::int64_t expert_hidden_size = 0;  // F, hidden units of one expert
  std::int64_t num_shared_experts = 0;  // computed as one SwiGLU of num_shared_experts * F hidden units; added unweighted
  std::vector<std::int64_t> layers;     // the sparse layers, ascending; the others are dense
  ScoreFunction score_func = ScoreFunction::kSoftmax;
  bool norm_topk_prob = true;          // whether the weights of the chosen experts are divided by their sum
  double routed_scaling_factor = 1.0;  // factor of the weights of the chosen experts
  BalanceLoss balance_loss = BalanceLoss::kGlobal;
  double aux_loss_coef = 1e-3;
  double z_loss_coef = 1e-3;
  double bias_update_rate = 0.0;  // above 0: loss-free balancing, with steps of Router::bias_step() (moe/router.hpp)
  double capacity_factor = 0.0;   // 0: no token is dropped
  RouterInit router_init = RouterInit::kNormal;
  double router_init_std = 0.02;  // standard deviation of router rows that are drawn
  std::int64_t family_size = 1;   // experts in each family of the router; 1: a plain (flat) router

  /// Rows of the router: families, or experts without families.
  std::int64_t num_families() const { return num_experts / family_size; }
  /// C, the rows of the families' children, for a family_size that is a power of two: each family has levels of 2, 4, ..., family_size
  /// rows. 0 without families.
  std::int64_t num_child_rows() const { return num_families() * (2 * family_size - 2); }
  bool operator==(const MoeConfig&) const = default;
};

/// How many hidden units of a dense feed-forward the shared experts take, and how many of `decoder` are left for the routed ones.
inline std::int64_t shared_columns(const MoeConfig& moe) { return moe.num_shared_experts * moe.expert_hidden_size; }
inline std::int64_t routed_columns(const DecoderConfig& decoder, const MoeConfig& moe) {
  return decoder.intermediate_size - shared_columns(moe);
}

}  // namespace sluice::moe
