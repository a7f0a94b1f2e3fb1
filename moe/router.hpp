// The router: scores, stable top-k and gate weights, for a flat router and for families.
// Legend: N rows, E router rows (experts, or families), K choices, D width, C child rows.
//
// A family is a tree of twins: its row in `gate` alone decides top-k and gate weight; one pair of rows per inner node of
// the tree picks a child, multiplied in as p/stopgrad(p), so that growing changes no output and the pick still learns.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "core/nn/parameter.hpp"
#include "moe/plan/moe_config.hpp"
#include "parallel/routing_plan.hpp"

#include <string>

namespace sluice::moe {

struct Routing {
  at::Tensor experts;          // int64 [N, K] global expert ids, leaves of the families; -1: dropped over capacity
  parallel::RoutingPlan plan;  // of those
  at::Tensor weights;          // [N, K] gate weights, differentiable
  SlotStatistics statistics;
};

class Router {
 public:
  /// `layer`: its path, "layers.3". options: the model's (Parameter::make). Usage error if families are not of a power of two.
  Router(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, const at::TensorOptions& options);

  Routing route(const at::Tensor& x_ND, const RowTable& rows) const;
  void collect(std::vector<Parameter*>& parameters);

  /// The settings of the whole layer.
  const MoeConfig& config() const { return config_; }
  /// Others of the same shape (coefficients, capacity, top_k) from the next route() on. A bias that was there stays.
  void set_config(const MoeConfig& config) {
    bias_loaded = has_bias();
    config_ = config;
  }

  /// Loss-free balancing (arXiv:2408.15664; DeepSeek-V3, arXiv:2412.19437): adds bias_step() * sign(T*k - E*count) of the whole step, the
  /// sign decided in integers. counts [E].
  void update_bias(const at::Tensor& counts);
  /// For sigmoid scores, each of which lies between 0 and 1, bias_update_rate, as there. Softmax scores share out 1 among the E rows that
  /// the bias is added to, so the same part of a mean score is bias_update_rate / E: at 128 rows 0.01 is larger than all of them.
  double bias_step() const;

  mutable Parameter gate;         // [E, D]
  mutable Parameter family_gate;  // [C, D], level after level; unused without families
  at::Tensor correction_bias;     // [E], added for selection only; not trained by the optimizer
  bool has_bias() const { return config_.bias_update_rate > 0 || bias_loaded; }
  bool bias_loaded = false;  // a checkpoint brought one
  bool bias_by_rows = true;  // false: a run that began when softmax steps too were bias_update_rate goes on with those

 private:
  /// Without the pairs over capacity in each sequence: expert_capacity() of its length per expert, kept in order of (token, k).
  at::Tensor within_capacity(const at::Tensor& experts, const RowTable& rows) const;

  MoeConfig config_;
};

/// Pairs that an expert takes of a sequence of `length` tokens: ceil(T*k*factor/E), exact for factors written as decimals.
std::int64_t expert_capacity(std::int64_t length, std::int64_t top_k, std::int64_t num_experts, double capacity_factor);

}  // namespace sluice::moe
