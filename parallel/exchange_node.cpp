// Legend: N local rows, K experts of each, D width, S (row, expert) pairs that go somewhere, R rows received here.
#include "parallel/exchange_node.hpp"

#include "core/ops/rows.hpp"

#include <torch/csrc/autograd/engine.h>

#include <utility>

namespace sluice::parallel {
namespace {

// The rows of `x` [N, D] in the order in which they are sent, [S, D].
at::Tensor sorted(const at::Tensor& x, const RoutingPlan& plan) { return ops::gather_rows(x, plan.token); }

// The rows that came back [S, D], added up per token to [N, D].
at::Tensor summed(const at::Tensor& rows, const RoutingPlan& plan) { return ops::combine_rows(rows, plan.slot); }

// What the backward pass needs: the route, and the graph of the experts' own nodes, whose leaves are `rows` and `row_weights`. The graph is
// held by its edge `result`, so that the memory of the experts' result can be freed.
struct Experts : torch::CustomClassHolder {
  RoutePtr route;
  at::Tensor rows, row_weights;
  torch::autograd::Edge result;
};

struct ExchangeFunction : torch::autograd::Function<ExchangeFunction> {
  // `recorded` is a dummy that requires a gradient if the pass is recorded. So every rank gets this node, even if on that rank neither x
  // nor the weights require a gradient.
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x_ND, const at::Tensor& weights_NK,
                            const at::Tensor& recorded, const RoutePtr& route, const ExpertFunction& experts) {
    const bool records = recorded.requires_grad();
    auto kept = c10::make_intrusive<Experts>();
    kept->route = route;
    kept->rows = route->to_owners(sorted(x_ND.detach(), route->plan), route->phase).set_requires_grad(records);
    kept->row_weights =
        route->to_owners(weights_NK.detach().reshape({-1}).gather(0, route->plan.order), route->phase).set_requires_grad(records);
    at::Tensor weighted_RD;
    {
      const at::AutoGradMode mode(records);
      weighted_RD = experts({kept->rows, kept->row_weights, route->counts});
    }
    if (records) {
      kept->result = torch::autograd::impl::gradient_edge(weighted_RD);
      ctx->saved_data["experts"] = c10::IValue::make_capsule(kept);
    }
    return summed(route->from_owners(weighted_RD.detach().contiguous(), route->phase), route->plan);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto capsule = ctx->saved_data["experts"].toCapsule();
    ctx->saved_data.clear();
    Experts& kept = *static_cast<Experts*>(capsule.get());
    Route& route = *kept.route;
    const at::Tensor dweighted_RD = route.to_owners(sorted(grads[0].contiguous(), route.plan), "backward");
    torch::autograd::Engine::get_default_engine().execute({std::exchange(kept.result, {})}, {dweighted_RD}, /*keep_graph=*/false,
                                                          /*create_graph=*/false,
                                                          /*accumulate_grad=*/true);
    const at::Tensor dx_ND = summed(route.from_owners(take_gradient(kept.rows), "backward"), route.plan);
    const at::Tensor dsorted_S = route.from_owners(take_gradient(kept.row_weights), "backward");
    const std::int64_t tokens = route.plan.tokens(), k = route.plan.experts_per_token();
    const at::Tensor dweights_NK = ops::gather_rows(dsorted_S.unsqueeze(1), route.plan.slot.view({-1}));
    return {dx_ND, dweights_NK.view({tokens, k}), at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  // Returns the gradient of `leaf` and releases the leaf; zeros if the experts did not depend on it.
  static at::Tensor take_gradient(at::Tensor& leaf) {
    const at::Tensor arrived = std::exchange(leaf, at::Tensor());
    return arrived.grad().defined() ? arrived.grad().contiguous() : at::zeros_like(arrived);
  }
};

}  // namespace

at::Tensor exchange_rows(const at::Tensor& x_ND, const at::Tensor& weights_NK, const RoutePtr& route, const ExpertFunction& experts,
                         bool records) {
  const at::Tensor recorded = at::zeros({}, x_ND.options().requires_grad(false)).set_requires_grad(records);
  return ExchangeFunction::apply(x_ND, weights_NK, recorded, route, experts);
}

at::Tensor TokenExchange::run(const at::Tensor& x_ND, const at::Tensor& weights_NK, const RoutePtr& route, const char* phase,
                              const ExpertFunction& experts, bool experts_learn) {
  const bool records = at::GradMode::is_enabled() && (experts_learn || x_ND.requires_grad() || weights_NK.requires_grad());
  route->phase = phase;
  return exchange_rows(x_ND, weights_NK, route, experts, records);
}

}  // namespace sluice::parallel
