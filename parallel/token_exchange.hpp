// Token exchange: rows go to the ranks that own their experts and come back weighted, differentiably, as one node of autograd's graph.
// Legend: N local tokens, K experts per token, D width, R rows received here, L experts owned here.
//
//   x [N, D], weights [N, K] --dispatch--> rows [R, D], row weights [R], sorted by (expert, source rank, token, k)
//       --experts(chunk)--> weighted rows [R, D] --combine--> y [N, D], summed over k in order
//
// The plan holds integers only; the weights travel with the rows and are applied, and their gradient made, where the expert is.
// Every rank enters every exchange, with zero rows if need be; the backward pass mirrors the forward one.
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

struct ExpertChunk {
  at::Tensor rows;         // [R, D]
  at::Tensor row_weights;  // [R], accumulation precision
  at::Tensor counts;       // int64 [L] rows per owned expert; rows behind them are of none, and their results zeros
};
/// Rows of a chunk -> weighted rows [R, D]: w * expert(row). Differentiable; it may be called without recording.
using ExpertFunction = std::function<at::Tensor(const ExpertChunk&)>;

/// Bytes sent to other ranks so far, by level; rows and their weights, forward and backward, not headers.
struct ExchangeCounters {
  std::int64_t bytes_intra = 0;  // to ranks of this node
  std::int64_t bytes_inter = 0;  // to other nodes
  double seconds = 0.0;          // spent waiting for the wire
};

class Route;

class TokenExchange {
 public:
  virtual ~TokenExchange() = default;
  /// y [N, D]. One node owns dispatch, experts and combine; what `experts` records is inside of it. `slot`: the path that operations are
  /// labelled with.
  /// Backward runs where x, the weights or (`experts_learn`) what `experts` reads want a gradient, which all ranks must agree on.
  at::Tensor run(const at::Tensor& x, const at::Tensor& weights, const RoutingPlan& plan, const ExpertFunction& experts,
                 const StepContext& context, const std::string& slot, bool experts_learn = true);
  const ExchangeCounters& counters() const { return *counters_; }

 protected:
  /// The way of one plan, forward and back. Where experts are spread, the owners have been told by then how many rows come.
  virtual c10::intrusive_ptr<Route> open_route(const RoutingPlan& plan, const StepContext& context, const std::string& slot) = 0;

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
