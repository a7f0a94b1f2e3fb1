// The interface of the layer behind a decoder layer's second norm, its "slot". Dense SwiGLU fills it in core/nn/swiglu.hpp, the mixture of
// experts in moe/moe_feed_forward.hpp. Legend: N rows, D model width.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"
#include "core/nn/row_table.hpp"
#include "core/shape/recompute.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// What a slot decided in the first of two passes over the same rows, kept for the second (core/nn/recompute.hpp).
struct SlotMemory {
  virtual ~SlotMemory() = default;
};

/// What a forward pass must know of the training step that it is part of.
struct StepContext {
  std::int64_t step = -1;         // number of the step, for messages; -1: none
  const char* phase = "forward";  // or "prepass", "eval" and the like; for the headers of messages between ranks and failure reports
  Recompute recompute = Recompute::kNone;
  /// Null, or the place for what a slot keeps between two passes: empty in the first.
  std::shared_ptr<SlotMemory>* memory = nullptr;
};

/// Statistics of one sparse layer over this rank's rows of one micro-batch. Most are kept by groups of rows: G is 1 (all rows together), or
/// the number of sequences if the balance loss is per sequence. Legend: E rows of the router (experts, or families), C rows of the
/// families' children (0 without families), k choices of a token.
struct SlotStatistics {
  std::string path;                  // e.g. "layers.3.feed_forward"
  at::Tensor probability_sum;        // [G, E] sum over rows of the router's probabilities; differentiable
  at::Tensor counts;                 // [G, E] int64, (token, k) pairs that chose each router row, before drops
  at::Tensor child_probability_sum;  // [G, C] each child's probability, summed over the pairs that reach its parent; differentiable
  at::Tensor child_counts;           // [G, C] int64, pairs that go to or through each child, before drops
  at::Tensor z_sum;                  // scalar, sum over rows of logsumexp(logits)^2; differentiable
  at::Tensor expert_counts;          // [experts] int64, this rank's pairs that go to each expert of the whole model, after drops
  at::Tensor dropped;                // [1] int64, pairs dropped for want of capacity
};

struct SlotOutput {
  at::Tensor y;                              // [N, D]
  std::optional<SlotStatistics> statistics;  // absent if the slot is dense
};

class FeedForward {
 public:
  virtual ~FeedForward() = default;
  /// Rows x [N, D] -> y [N, D]. In every pass every rank must call it, even with zero rows, since ranks may exchange rows in it.
  virtual SlotOutput forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) = 0;
  /// Appends the parameters in their canonical order.
  virtual void collect(std::vector<Parameter*>& parameters) = 0;
};

}  // namespace sluice
