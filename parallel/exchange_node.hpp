// The autograd node of a layer's token exchange (token_exchange.hpp), and the Route with which it moves rows.
#pragma once

#include "core/tensor/tensor.hpp"
#include "parallel/routing_plan.hpp"
#include "parallel/token_exchange.hpp"

namespace sluice::parallel {

/// Moves rows from this rank to the ranks that own their experts, and back. It only moves rows and does not change them. Legend: S rows
/// that this rank sends, sorted by (expert, token, k); R rows that it receives for the L experts it owns.
class Route : public torch::CustomClassHolder {
 public:
  virtual ~Route() = default;
  /// Sends rows [S, ...] to the owners of their experts. Returns the rows received [R, ...], sorted by (owned expert, source rank, token,
  /// k). `phase` goes into the labels of the operations. Throws what the operations throw (parallel/comm/communicator.hpp).
  virtual at::Tensor to_owners(const at::Tensor& rows, const char* phase) = 0;
  /// The way back: takes rows [R, ...] and returns [S, ...], in the orders of to_owners().
  virtual at::Tensor from_owners(const at::Tensor& rows, const char* phase) = 0;

  RoutingPlan plan;               // of this rank's rows
  at::Tensor counts;              // int64 [L] rows received for each owned expert
  const char* phase = "forward";  // the pass that it serves now: "forward", "prepass", "eval", "recompute"
};
using RoutePtr = c10::intrusive_ptr<Route>;

/// Returns y [N, D] from x [N, D] and weights [N, K], computed by `experts` on the ranks that own them. If `records`, which must be the
/// same on all ranks, the computation is recorded for the backward pass.
at::Tensor exchange_rows(const at::Tensor& x, const at::Tensor& weights, const RoutePtr& route, const ExpertFunction& experts,
                         bool records);

}  // namespace sluice::parallel
