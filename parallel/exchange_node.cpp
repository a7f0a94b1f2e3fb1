#include "parallel/exchange_node.hpp"

#include "core/ops/rows.hpp"

#include <torch/csrc/autograd/engine.h>

#include <utility>

namespace sluice::parallel {
namespace {

// Rows of `x` as they go on their way.
at::Tensor sorted(const at::Tensor& x, const RoutingPlan& plan) { return ops::gather_rows(x, plan.token); }

// Rows back from their way, summed by token.
at::Tensor summed(const at::Tensor& rows, const RoutingPlan& plan) { return ops::combine_rows(rows, plan.slot); }

// What backward needs of a forward pass: the way, and the experts' own nodes, a graph that ends in what arrived. It begins at an edge and
// not at their result, which nobody reads again.
struct Experts : torch::CustomClassHolder {
  RoutePtr route;
  at::Tensor rows, row_weights;
  torch::autograd::Edge result;
};

struct ExchangeFunction : torch::autograd::Function<ExchangeFunction> {
  // `recorded` requires a gradient wherever one is recorded, so that every rank has the node, whatever its rows and their weights require.
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weights, const at::Tensor& recorded,
                            const RoutePtr& route, const ExpertFunction& experts) {
    const bool records = recorded.requires_grad();
    auto kept = c10::make_intrusive<Experts>();
    kept->route = route;
    kept->rows = route->to_owners(sorted(x.detach(), route->plan), route->phase).set_requires_grad(records);
    kept->row_weights = route->to_owners(weights.detach().reshape({-1}).gather(0, route->plan.order), route->phase).set_requires_grad(records);
    at::Tensor weighted;
    {
      const at::AutoGradMode mode(records);
      weighted = experts({kept->rows, kept->row_weights, route->counts});
    }
    if (records) {
      kept->result = torch::autograd::impl::gradient_edge(weighted);
      ctx->saved_data["experts"] = c10::IValue::make_capsule(kept);
    }
    return summed(route->from_owners(weighted.detach().contiguous(), route->phase), route->plan);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    const auto capsule = ctx->saved_data["experts"].toCapsule();
    ctx->saved_data.clear();
    Experts& kept = *static_cast<Experts*>(capsule.get());
    Route& route = *kept.route;
    const at::Tensor dweighted = route.to_owners(sorted(grads[0].contiguous(), route.plan), "backward");
    torch::autograd::Engine::get_default_engine().execute({std::exchange(kept.result, {})}, {dweighted}, /*keep_graph=*/false, /*create_graph=*/false,
                                                          /*accumulate_grad=*/true);
    const at::Tensor dx = summed(route.from_owners(take_gradient(kept.rows), "backward"), route.plan);
    const at::Tensor dsorted = route.from_owners(take_gradient(kept.row_weights), "backward");
    const std::int64_t tokens = route.plan.tokens(), k = route.plan.experts_per_token();
    const at::Tensor dweights = at::zeros({tokens * k}, dsorted.options()).scatter_(0, route.plan.order, dsorted);
    return {dx, dweights.view({tokens, k}), at::Tensor(), at::Tensor(), at::Tensor()};
  }

 private:
  // Of what arrived, which is needed no more; zeros where the experts did not depend on it.
  static at::Tensor take_gradient(at::Tensor& leaf) {
    const at::Tensor arrived = std::exchange(leaf, at::Tensor());
    return arrived.grad().defined() ? arrived.grad().contiguous() : at::zeros_like(arrived);
  }
};

}  // namespace

at::Tensor exchange_rows(const at::Tensor& x, const at::Tensor& weights, const RoutePtr& route, const ExpertFunction& experts, bool records) {
  const at::Tensor recorded = at::zeros({}, x.options().requires_grad(false)).set_requires_grad(records);
  return ExchangeFunction::apply(x, weights, recorded, route, experts);
}

at::Tensor TokenExchange::run(const at::Tensor& x, const at::Tensor& weights, const RoutingPlan& plan, const ExpertFunction& experts,
                              const StepContext& context, const std::string& slot, bool experts_learn) {
  const bool records = at::GradMode::is_enabled() && (experts_learn || x.requires_grad() || weights.requires_grad());
  return exchange_rows(x, weights, open_route(plan, context, slot), experts, records);
}

}  // namespace sluice::parallel
