// The router: it scores the experts for each row, chooses the k best (ties go to the lower index) and gives them gate weights. It works on
// single experts (a flat router) or on families of experts.
// Legend: N rows, E router rows (experts, or families), K choices of a row, D width, C rows of the families' children.
//
// A family is a binary tree of experts that grew by doubling. The family's row in `gate` alone decides the top-k choice and the gate
// weight. At each inner node of the tree a pair of rows in `family_gate` picks one of the two children, by the larger logit. The gate
// weight is multiplied by p / stopgrad(p), which is 1, p being the probability of the picked child. So growth changes no output, and yet
// the pick gets a gradient and learns.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "core/nn/parameter.hpp"
#include "moe/plan/moe_config.hpp"
#include "parallel/routing_plan.hpp"

#include <string>

namespace sluice::moe {

/// What a router decides by integers.
struct RoutingChoice {
  at::Tensor rows;             // int64 [N, K], the router rows chosen: experts, or families
  at::Tensor experts;          // int64 [N, K], experts of the whole model (the leaves of the families); -1: dropped over capacity
  parallel::RoutingPlan plan;  // made of `experts`
};

struct Routing : RoutingChoice {
  at::Tensor weights;  // [N, K] gate weights, differentiable
  SlotStatistics statistics;
};

class Router {
 public:
  /// `layer` is the layer's path, "layers.3". `options` are the model's element type and device (Parameter::make). Usage error if
  /// family_size is not a power of two.
  Router(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, const at::TensorOptions& options);

  /// Routes the rows x [N, D]; `rows` says to which sequence each belongs. With `kept`, the choice of an earlier pass over the same rows,
  /// nothing is chosen anew.
  Routing route(const at::Tensor& x_ND, const RowTable& rows, const RoutingChoice* kept = nullptr) const;
  /// Appends the parameters in their canonical order.
  void collect(std::vector<Parameter*>& parameters);

  /// The settings of the whole sparse layer.
  const MoeConfig& config() const { return config_; }
  /// Uses other settings of the same shape (coefficients, capacity, top_k) from the next route() on. If there was a selection bias, it
  /// stays, even if the new bias_update_rate is 0.
  void set_config(const MoeConfig& config) {
    bias_loaded = has_bias();
    config_ = config;
  }

  /// Loss-free balancing (arXiv:2408.15664; DeepSeek-V3, arXiv:2412.19437): adds bias_step() * sign(T*k - E*count) to the bias of each row,
  /// where counts [E] are those of the whole step and T its tokens. The sign is computed in integers. Does nothing if bias_update_rate is
  /// 0.
  void update_bias(const at::Tensor& counts);
  /// The size of one step of the bias. For sigmoid scores, each of which lies between 0 and 1, it is bias_update_rate, as in the papers.
  /// Softmax scores share out a sum of 1 among the E rows, so the same part of a mean score is bias_update_rate / E. (With 128 rows the
  /// mean score is 0.0078, less than one step of 0.01 would be.)
  double bias_step() const;

  mutable Parameter gate;         // [E, D]
  mutable Parameter family_gate;  // [C, D], level after level; unused without families
  /// The selection bias [E]. It is added to the scores when experts are chosen, and not to the gate weights. The optimizer does not train
  /// it.
  at::Tensor correction_bias;
  /// Whether choices use the bias.
  bool has_bias() const { return config_.bias_update_rate > 0 || bias_loaded; }
  /// There is a bias whatever bias_update_rate is, since it came from a checkpoint, from the settings of an earlier stage, or from the
  /// model before a conversion.
  bool bias_loaded = false;
  /// Whether bias_step() divides by E for softmax scores. False only in runs that began with a version that did not: they go on without it.
  bool bias_by_rows = true;

 private:
  /// Returns the chosen experts with -1 for each pair that is over capacity. In each sequence an expert keeps its first expert_capacity()
  /// pairs, in the order of (token, k).
  at::Tensor within_capacity(const at::Tensor& experts, const RowTable& rows) const;

  MoeConfig config_;
};

/// Returns how many pairs of a sequence of `length` tokens T one expert accepts: ceil(T * top_k * capacity_factor / num_experts). The
/// result is exact for factors written as decimals, such as 1.1.
std::int64_t expert_capacity(std::int64_t length, std::int64_t top_k, std::int64_t num_experts, double capacity_factor);

}  // namespace sluice::moe
