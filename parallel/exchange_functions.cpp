#include "parallel/exchange_functions.hpp"

#include "core/ops/rows.hpp"

namespace sluice::parallel {
namespace {

// The memory of a plan's integers as a tensor, for reading.
at::Tensor view_of(const std::vector<std::int64_t>& integers, at::IntArrayRef shape) {
  return at::from_blob(const_cast<std::int64_t*>(integers.data()), shape, at::TensorOptions().dtype(at::kLong));
}

at::Tensor gather(const at::Tensor& x, const RoutingPlan& plan) {
  return ops::gather_rows(x, view_of(plan.token, {plan.routed()}));
}

at::Tensor scatter_sum(const at::Tensor& rows, const RoutingPlan& plan) {
  return ops::combine_rows(rows, view_of(plan.slot, {plan.tokens, plan.experts_per_token}));
}

at::Tensor order_of(const RoutingPlan& plan) {
  return view_of(plan.order, {plan.routed()});
}

Route& route_of(torch::autograd::AutogradContext* ctx) {
  return *static_cast<Route*>(ctx->saved_data["route"].toCapsule().get());
}

struct DispatchFunction : torch::autograd::Function<DispatchFunction> {
  static torch::autograd::variable_list forward(torch::autograd::AutogradContext* ctx, const at::Tensor& x, const at::Tensor& weights, const RoutePtr& route) {
    ctx->saved_data["route"] = c10::IValue::make_capsule(route);
    const at::Tensor rows = route->to_owners(gather(x, route->plan), route->phase);
    const at::Tensor row_weights = route->to_owners(weights.reshape({-1}).index_select(0, order_of(route->plan)), route->phase);
    return {rows, row_weights};
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    Route& route = route_of(ctx);
    const at::Tensor dx = scatter_sum(route.from_owners(grads[0].contiguous(), "backward"), route.plan);
    const at::Tensor dsorted = route.from_owners(grads[1].contiguous(), "backward");
    at::Tensor dweights = at::zeros({route.plan.tokens * route.plan.experts_per_token}, dsorted.options());
    dweights.index_copy_(0, order_of(route.plan), dsorted);
    return {dx, dweights.view({route.plan.tokens, route.plan.experts_per_token}), at::Tensor()};
  }
};

struct CombineFunction : torch::autograd::Function<CombineFunction> {
  static at::Tensor forward(torch::autograd::AutogradContext* ctx, const at::Tensor& rows, const RoutePtr& route) {
    ctx->saved_data["route"] = c10::IValue::make_capsule(route);
    return scatter_sum(route->from_owners(rows.contiguous(), route->phase), route->plan);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx, torch::autograd::variable_list grads) {
    Route& route = route_of(ctx);
    return {route.to_owners(gather(grads[0].contiguous(), route.plan), "backward"), at::Tensor()};
  }
};

}  // namespace

std::pair<at::Tensor, at::Tensor> dispatch_rows(const at::Tensor& x, const at::Tensor& weights, const RoutePtr& route) {
  auto result = DispatchFunction::apply(x, weights, route);
  return {result[0], result[1]};
}

at::Tensor combine_rows(const at::Tensor& rows, const RoutePtr& route) {
  return CombineFunction::apply(rows, route);
}

}  // namespace sluice::parallel
