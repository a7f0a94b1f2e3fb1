// The two autograd nodes every exchange is made of, over a Route that moves sorted rows to their owners and back.
#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/routing_plan.hpp"

#include <memory>
#include <utility>

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
  const char* phase = "forward";  // of the pass that made it: "forward", "prepass", "eval"; its backward pass is "backward"
};
using RoutePtr = c10::intrusive_ptr<Route>;

/// x [N, D], weights [N, K] -> rows [R, D], row weights [R].
std::pair<at::Tensor, at::Tensor> dispatch_rows(const at::Tensor& x, const at::Tensor& weights, const RoutePtr& route);

/// Weighted rows [R, D] -> y [N, D].
at::Tensor combine_rows(const at::Tensor& rows, const RoutePtr& route);

}  // namespace sluice::parallel
