#include "moe/router.hpp"

#include "core/base/error.hpp"
#include "core/ops/columns.hpp"
#include "core/ops/expert_slots.hpp"
#include "core/ops/router.hpp"
#include "core/tensor/dtype_map.hpp"
#include "core/tensor/host_integers.hpp"
#include "moe/plan/moe_tensors.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace sluice::moe {
namespace {

// x [N, D] -> logits [N, E] in the accumulation precision; equal rows of the weight give equal logits, bit for bit.
struct RouterLogitsFunction : torch::autograd::Function<RouterLogitsFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& use, Parameter* weight) {
    (void)use;
    ctx->save_for_backward({x});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return ops::router_logits(x, weight->compute.to(accumulate_type(x.scalar_type())));
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor x = ctx->get_saved_variables()[0];
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    const at::Tensor dlogits = grads[0].contiguous();
    if (ctx->needs_input_grad(1)) GradientWriter(weight->gradient).add_product(dlogits, x.to(dlogits.scalar_type()));
    at::Tensor dx;
    if (ctx->needs_input_grad(0)) dx = at::mm(dlogits, weight->compute.to(dlogits.scalar_type())).to(x.scalar_type());
    return {dx, at::Tensor(), at::Tensor()};
  }
};

// logits [N, C] of x and `weight`, unchanged, whose gradient goes to the weight and not on to x.
struct PickLogitsFunction : torch::autograd::Function<PickLogitsFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& logits, const at::Tensor& x, const at::Tensor& use,
                            Parameter* weight) {
    (void)use;
    ctx->save_for_backward({x});
    ctx->saved_data["weight"] = reinterpret_cast<std::int64_t>(weight);
    return logits.clone();
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor dlogits = grads[0].contiguous();
    auto* weight = reinterpret_cast<Parameter*>(ctx->saved_data["weight"].toInt());
    if (ctx->needs_input_grad(2))
      GradientWriter(weight->gradient).add_product(dlogits, ctx->get_saved_variables()[0].to(dlogits.scalar_type()));
    return {at::Tensor(), at::Tensor(), at::Tensor(), at::Tensor()};
  }
};

// at::sigmoid would give equal logits scores that differ in the last bit, by their place in [N, E] (core/ops/router.cpp).
struct SigmoidScoresFunction : torch::autograd::Function<SigmoidScoresFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& logits) {
    const at::Tensor scores = ops::sigmoid_scores(logits);
    ctx->save_for_backward({scores});
    return scores;
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const at::Tensor scores = ctx->get_saved_variables()[0];
    return {grads[0] * scores * (1 - scores)};
  }
};

// logits [N, E] -> {scores [N, E], log of the sums of their exponentials [N]}.
struct SoftmaxScoresFunction : torch::autograd::Function<SoftmaxScoresFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& logits) {
    ctx->set_materialize_grads(false);
    const ops::SoftmaxScores made = ops::softmax_scores(logits);
    ctx->save_for_backward({logits, made.scores, made.log_sums});
    return {made.scores, made.log_sums};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const torch::autograd::variable_list saved = ctx->get_saved_variables();
    const auto whole = [](const at::Tensor& gradient) { return gradient.defined() ? gradient.contiguous() : gradient; };
    if (!grads[0].defined() && !grads[1].defined()) return {at::Tensor()};
    return {ops::softmax_scores_backward(whole(grads[0]), whole(grads[1]), saved[0], {saved[1], saved[2]})};
  }
};

// The chosen columns [N, K] of values [N, E].
struct PickColumnsFunction : torch::autograd::Function<PickColumnsFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& values, const at::Tensor& columns) {
    ctx->save_for_backward({columns});
    ctx->saved_data["columns"] = values.size(1);
    return ops::pick_columns(values, columns);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    return {ops::place_columns(grads[0].contiguous(), ctx->get_saved_variables()[0], ctx->saved_data["columns"].toInt()), at::Tensor()};
  }
};

// values [N, K] in their columns of [N, E], zeros elsewhere.
struct PlaceColumnsFunction : torch::autograd::Function<PlaceColumnsFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& values, const at::Tensor& columns,
                            std::int64_t num_columns) {
    ctx->save_for_backward({columns});
    return ops::place_columns(values, columns, num_columns);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    return {ops::pick_columns(grads[0].contiguous(), ctx->get_saved_variables()[0]), at::Tensor(), at::Tensor()};
  }
};

// Rows of a table by group: all in one, or those of each sequence.
class RowGroups {
 public:
  RowGroups(const RowTable& rows, bool by_sequence) : rows_(rows), by_sequence_(by_sequence), count_(by_sequence ? rows.sequences() : 1) {}

  std::int64_t count() const { return count_; }

  /// [N, C] -> [G, C], summed over the rows of each group.
  at::Tensor sum(const at::Tensor& values) const {
    if (!by_sequence_ || rows_.common_length())
      return values.view({count_, rows_.rows() / std::max<std::int64_t>(1, count_), values.size(1)}).sum(1);
    std::vector<at::Tensor> sums;
    for (std::size_t b = 0; b + 1 < rows_.offsets().size(); ++b)
      sums.push_back(values.narrow(0, rows_.offsets()[b], rows_.offsets()[b + 1] - rows_.offsets()[b]).sum(0));
    return at::stack(sums, 0);
  }

  /// How often each of `columns` stands in index [N, K]: [G, columns].
  at::Tensor counts(const at::Tensor& index, std::int64_t columns) const {
    const at::Tensor of_groups = by_sequence_ ? index + rows_.sequence().unsqueeze(1) * columns : index;
    return ops::expert_slots(of_groups, count_ * columns).counts.view({count_, columns});
  }

 private:
  const RowTable& rows_;
  bool by_sequence_;
  std::int64_t count_;
};

}  // namespace

Router::Router(const MoeConfig& config, std::int64_t hidden_size, const std::string& layer, const at::TensorOptions& options)
    : correction_bias(at::zeros({config.num_families()}, accumulate_options(options))), config_(config) {
  if ((config.family_size & (config.family_size - 1)) != 0)
    throw usage_error("{}: family_size({}) is not a power of two: families grow by doubling", layer, config.family_size);
  const std::vector<ModelTensor> tensors = router_tensors(config, hidden_size, layer);
  const auto rows = [&](const ModelTensor& tensor) {
    Parameter p = Parameter::of(tensor, options);
    p.decay = false;
    p.rate_group = RateGroup::kRouter;
    return p;
  };
  gate = rows(tensors[0]);
  if (config.family_size > 1) family_gate = rows(tensors[1]);
}

void Router::collect(std::vector<Parameter*>& parameters) {
  parameters.push_back(&gate);
  if (config_.family_size > 1) parameters.push_back(&family_gate);
}

Routing Router::route(const at::Tensor& x_ND, const RowTable& rows, const RoutingChoice* kept) const {
  const std::int64_t n = x_ND.size(0), k = config_.top_k, families = config_.num_families();
  const bool sigmoid = config_.score_func == ScoreFunction::kSigmoid;
  const RowGroups groups(rows, config_.balance_loss == BalanceLoss::kSequence);
  Routing routing;

  const at::Tensor logits_NE = RouterLogitsFunction::apply(x_ND, gate.open_use(), &gate);
  at::Tensor scores_NE, log_sums_N;
  if (sigmoid) {
    scores_NE = SigmoidScoresFunction::apply(logits_NE);
    log_sums_N = at::logsumexp(logits_NE, 1);
  } else {
    const torch::autograd::variable_list made = SoftmaxScoresFunction::apply(logits_NE);
    scores_NE = made[0];
    log_sums_N = made[1];
  }
  // Sigmoid scores may all be 0; their shares are then 0 as well.
  const at::Tensor probabilities_NE = sigmoid ? scores_NE / (scores_NE.sum(1, true) + 1e-20) : scores_NE;
  at::Tensor chosen_NK = kept != nullptr ? kept->rows : ops::top_k(scores_NE, has_bias() ? correction_bias : at::Tensor(), k);
  routing.rows = chosen_NK;
  at::Tensor weights_NK = PickColumnsFunction::apply(scores_NE, chosen_NK);
  if (config_.norm_topk_prob) weights_NK = weights_NK / (sigmoid ? weights_NK.sum(1, true) + 1e-20 : weights_NK.sum(1, true));
  if (config_.routed_scaling_factor != 1.0) weights_NK = weights_NK * config_.routed_scaling_factor;

  SlotStatistics& statistics = routing.statistics;
  statistics.probability_sum = groups.sum(probabilities_NE);
  statistics.z_sum = log_sums_N.square().sum();

  if (config_.family_size > 1) {
    const at::Tensor child_logits_NC = RouterLogitsFunction::apply(x_ND, family_gate.open_use(), &family_gate);
    // A pick between children changes nothing continuously, so the gradient that teaches it is no gradient of the function. It is for
    // the children's rows alone: in the layers below it would be as large as a third of the true one.
    const at::Tensor pick_logits_NC = PickLogitsFunction::apply(child_logits_NC, x_ND, family_gate.open_use(), &family_gate);
    std::vector<at::Tensor> sums, counts;
    std::int64_t level_begin = 0;
    for (std::int64_t width = 2; width <= config_.family_size; width *= 2) {
      const std::int64_t level_rows = families * width;
      const at::Tensor pairs_N2K =
          at::stack({chosen_NK * 2, chosen_NK * 2 + 1}, 2).view({n, 2 * k});  // the two children of each chosen node
      const auto shares = [&](const at::Tensor& logits_NC) {
        return at::softmax(PickColumnsFunction::apply(logits_NC, pairs_N2K + level_begin).view({n, k, 2}), 2);
      };
      const at::Tensor p = shares(child_logits_NC), pick = shares(pick_logits_NC);
      const at::Tensor second = p.detach().select(2, 1) > p.detach().select(2, 0);  // ties go to the lower index
      const at::Tensor picked = at::where(second, pick.select(2, 1), pick.select(2, 0));
      weights_NK = weights_NK * (picked / picked.detach());
      sums.push_back(groups.sum(PlaceColumnsFunction::apply(p.reshape({n, 2 * k}), pairs_N2K, level_rows)));
      chosen_NK = chosen_NK * 2 + second.to(at::kLong);
      counts.push_back(groups.counts(chosen_NK, level_rows));
      level_begin += level_rows;
    }
    statistics.child_probability_sum = at::cat(sums, 1);
    statistics.child_counts = at::cat(counts, 1);
  } else {
    statistics.child_probability_sum = at::zeros({groups.count(), 0}, logits_NE.options().requires_grad(false));
    statistics.child_counts = at::zeros({groups.count(), 0}, logits_NE.options().dtype(at::kLong).requires_grad(false));
  }
  if (kept != nullptr) {
    static_cast<RoutingChoice&>(routing) = *kept;
  } else {
    routing.experts = config_.capacity_factor > 0 ? within_capacity(chosen_NK, rows) : chosen_NK;
    routing.plan = parallel::make_routing_plan(routing.experts, config_.num_experts);
  }
  // Where a row is an expert and none is dropped, the plan has counted them.
  const bool planned = groups.count() == 1 && config_.family_size == 1 && config_.capacity_factor <= 0;
  statistics.counts = planned ? routing.plan.counts.view({1, families}) : groups.counts(routing.rows, families);
  statistics.expert_counts = routing.plan.counts;
  statistics.dropped = (routing.experts < 0).sum().view({1});
  routing.weights = weights_NK;
  return routing;
}

void Router::update_bias(const at::Tensor& counts) {
  if (config_.bias_update_rate <= 0) return;
  // sum(counts) = T*k; sign(T*k - E*count) decides in integers, so no rounding can make two layouts differ.
  const at::Tensor direction = (counts.sum() - counts * counts.size(0)).sign();
  correction_bias.add_(direction.to(correction_bias.scalar_type()), bias_step());
}

double Router::bias_step() const {
  const bool shares = bias_by_rows && config_.score_func == ScoreFunction::kSoftmax;
  return shares ? config_.bias_update_rate / static_cast<double>(config_.num_families()) : config_.bias_update_rate;
}

std::int64_t expert_capacity(std::int64_t length, std::int64_t top_k, std::int64_t num_experts, double capacity_factor) {
  const double exact = static_cast<double>(length * top_k) * capacity_factor / static_cast<double>(num_experts);
  // A decimal factor such as 1.1 is not quite itself in binary: 200 * 1.1 / 20 comes out above 11. What is within its three roundings
  // (the factor's own, the product's, the quotient's) above an integer is that integer.
  return static_cast<std::int64_t>(std::ceil(exact * (1.0 - 4.0 * std::numeric_limits<double>::epsilon())));
}

at::Tensor Router::within_capacity(const at::Tensor& experts, const RowTable& rows) const {
  std::vector<std::int64_t> capacity;
  for (std::size_t b = 0; b + 1 < rows.offsets().size(); ++b)
    capacity.push_back(
        expert_capacity(rows.offsets()[b + 1] - rows.offsets()[b], config_.top_k, config_.num_experts, config_.capacity_factor));
  return ops::within_capacity(experts, rows.sequence(), integers_on(experts.device(), capacity), config_.num_experts);
}

}  // namespace sluice::moe
