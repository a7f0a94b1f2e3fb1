// Token exchange: sends rows to the ranks that own their experts, and brings the weighted results back. It is differentiable: one node of
// autograd's graph.
// Legend: N tokens of this rank, K experts per token, D width, R rows that this rank receives, L experts that it owns.
//
//   x [N, D], weights [N, K] --dispatch--> rows [R, D], row weights [R], sorted by (expert, source rank, token, k)
//       --experts(chunk)--> weighted rows [R, D] --combine--> y [N, D], summed over k in order
//
// The weights are sent with the rows: the owner of the expert applies them and computes their gradient.
// Every rank must enter every exchange, even with zero rows. The backward pass sends gradients the same ways.
#pragma once

#include "core/nn/feed_forward.hpp"
#include "core/tensor/tensor.hpp"
#include "parallel/comm/communicator.hpp"
#include "parallel/plan/exchange_kind.hpp"
#include "parallel/routing_plan.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sluice::parallel {

/// The rows that the experts of a rank compute.
struct ExpertChunk {
  at::Tensor rows;         // [R, D], sorted by expert
  at::Tensor row_weights;  // [R], in the accumulation type (core/tensor/dtype_map.hpp)
  at::Tensor counts;       // int64 [L] rows of each expert, on the CPU or on the device of the rows; rows after those belong to
                           // no expert, and their results are zeros
};
/// Returns the weighted rows [R, D] of a chunk: row_weight * expert(row). It must be differentiable, and is also called without recording.
using ExpertFunction = std::function<at::Tensor(const ExpertChunk&)>;

/// What the exchanges have cost this rank so far. The bytes are those of rows and their weights, sent to other ranks in forward and
/// backward passes; counts and headers of messages are left out.
struct ExchangeCounters {
  std::int64_t bytes_intra = 0;  // sent to ranks of the same node
  std::int64_t bytes_inter = 0;  // sent to other nodes
  double seconds = 0.0;          // spent waiting for messages, those with counts included
};

class Route;

/// A way of exchanging rows; the ways are in parallel/plan/exchange_kind.hpp.
class TokenExchange {
 public:
  virtual ~TokenExchange() = default;
  /// Collective. Settles how the rows of a plan travel: the owners of the experts then know how many will come. A route serves for the
  /// forward passes over the same rows, and their backward passes. `slot` is the path of the layer, for the labels of the operations.
  virtual c10::intrusive_ptr<Route> open(const RoutingPlan& plan, const StepContext& context, const std::string& slot) = 0;
  /// Returns y [N, D], y[n] = sum over k of weights[n, k] * expert(x[n]), for x [N, D] and weights [N, K]. Dispatch, experts and combine
  /// are one autograd node; what `experts` records is kept inside it. `phase` names the pass, for the labels of the operations.
  /// If gradients are recorded, there is a backward pass if x or weights require a gradient, or if `experts_learn` (parameters that
  /// `experts` uses are trained); this must come out the same on all ranks. Throws what the operations throw (comm/communicator.hpp).
  at::Tensor run(const at::Tensor& x_ND, const at::Tensor& weights_NK, const c10::intrusive_ptr<Route>& route, const char* phase,
                 const ExpertFunction& experts, bool experts_learn = true);
  const ExchangeCounters& counters() const { return *counters_; }

 protected:
  std::shared_ptr<ExchangeCounters> counters_ = std::make_shared<ExchangeCounters>();
};

/// The ranks that share one set of experts.
struct ExchangeGroup {
  CommunicatorPtr ranks;            // null: this rank alone
  std::vector<int> node_of_member;  // [group size]
};

/// The exchange of that kind, where auto is what the group asks for: `local` where all experts are here, else `flat`: counts point to
/// point, then one all-to-all of rows. Usage error for one that does not reach all ranks of the group.
std::shared_ptr<TokenExchange> make_exchange(ExchangeKind kind, const ExchangeGroup& group = {});

}  // namespace sluice::parallel
