// The autograd node of a layer's exchange, over a Route that moves sorted rows to their owners and back.
#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/routing_plan.hpp"
#include "parallel/token_exchange.hpp"

namespace sluice::parallel {

/// Moves rows sorted by (expert, token, k) between this rank and the owners of the experts. Both ways are pure transport.
class Route : public torch::CustomClassHolder {
 public:
  virtual ~Route() = default;
  /// [S, ...] sorted here -> [R, ...] sorted by (owned expert, source rank, token, k).
  virtual at::Tensor to_owners(const at::Tensor& rows, const char* phase) = 0;
  /// The inverse.
  virtual at::Tensor from_owners(const at::Tensor& rows, const char* phase) = 0;

  RoutingPlan plan;
  at::Tensor counts;              // int64 [L] rows received for each owned expert
  const char* phase = "forward";  // of the pass that made it: "forward", "prepass", "eval"; its backward pass is "backward"
};
using RoutePtr = c10::intrusive_ptr<Route>;

/// x [N, D], weights [N, K] -> y [N, D], through `experts` at the owners. Recorded if `records`, the same on all ranks.
at::Tensor exchange_rows(const at::Tensor& x, const at::Tensor& weights, const RoutePtr& route, const ExpertFunction& experts, bool records);

}  // namespace sluice::parallel
