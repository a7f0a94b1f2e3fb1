// The shape of the sparse feed-forward layers, as plain values.
#pragma once

#include "core/base/enum_names.hpp"
#include "core/shape/decoder_config.hpp"

#include <cstdint>
#include <vector>

namespace sluice::moe {

enum class ScoreFunction { kSoftmax, kSigmoid };
inline constexpr EnumName<ScoreFunction> kScoreNames[] = {{ScoreFunction::kSoftmax, "softmax"}, {ScoreFunction::kSigmoid, "sigmoid"}};
constexpr std::span<const EnumName<ScoreFunction>> names_of(ScoreFunction) { return kScoreNames; }

/// Whose counts make f_i of the balance loss E * sum_i f_i P_i (Switch/GShard form, f_i = count_i/(T*k)).
enum class BalanceLoss {
  kGlobal,    // of the whole step over all ranks (arXiv:2501.11873)
  kSequence,  // of each sequence alone
  kLagged,    // of the previous step
};
inline constexpr EnumName<BalanceLoss> kBalanceNames[] = {
    {BalanceLoss::kGlobal, "global"}, {BalanceLoss::kSequence, "sequence"}, {BalanceLoss::kLagged, "lagged"}};
constexpr std::span<const EnumName<BalanceLoss>> names_of(BalanceLoss) { return kBalanceNames; }

/// What the router rows that a conversion adds are made of.
enum class RouterInit {
  kNormal,    // drawn at random
  kBalanced,  // drawn and shifted so that they share out the text evenly (balanced_rows.hpp)
};
inline constexpr EnumName<RouterInit> kRouterInitNames[] = {{RouterInit::kBalanced, "balanced"}, {RouterInit::kNormal, "normal"}};
constexpr std::span<const EnumName<RouterInit>> names_of(RouterInit) { return kRouterInitNames; }

struct MoeConfig {
  std::int64_t num_experts = 8;         // E; with families, all children counted
  std::int64_t top_k = 2;               // K
  std::int64_t expert_hidden_size = 0;  // F of one expert
  std::int64_t num_shared_experts = 0;  // one fused SwiGLU of num_shared_experts * expert_hidden_size, unweighted
  std::vector<std::int64_t> layers;     // sparse layers, ascending; the others stay dense
  ScoreFunction score_func = ScoreFunction::kSoftmax;
  bool norm_topk_prob = true;
  double routed_scaling_factor = 1.0;
  BalanceLoss balance_loss = BalanceLoss::kGlobal;
  double aux_loss_coef = 1e-3;
  double z_loss_coef = 1e-3;
  double bias_update_rate =
      0.0;                       // > 0: loss-free balancing; a step is this for sigmoid scores, this / router rows for softmax (router.hpp)
  double capacity_factor = 0.0;  // 0: dropless
  RouterInit router_init = RouterInit::kNormal;
  double router_init_std = 0.02;
  std::int64_t family_size = 1;  // children per router family; 1 is a plain (flat) router

  std::int64_t num_families() const { return num_experts / family_size; }
  /// C, rows of the children's router for families of 2^l: levels of 2, 4, ..., family_size rows a family; 0 without families.
  std::int64_t num_child_rows() const { return num_families() * (2 * family_size - 2); }
  bool operator==(const MoeConfig&) const = default;
};

/// Columns of a dense feed-forward that shared experts take, and those of `decoder` left for the routed ones.
inline std::int64_t shared_columns(const MoeConfig& moe) { return moe.num_shared_experts * moe.expert_hidden_size; }
inline std::int64_t routed_columns(const DecoderConfig& decoder, const MoeConfig& moe) {
  return decoder.intermediate_size - shared_columns(moe);
}

}  // namespace sluice::moe
