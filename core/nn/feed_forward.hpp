// The FeedForward slot: what a decoder layer knows of the thing behind its second norm. Dense SwiGLU fills it here;
// the mixture of experts fills it in moe/.
#pragma once

#include "core/nn/numerics.hpp"
#include "core/nn/parameter.hpp"
#include "core/nn/row_table.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sluice {

/// What a forward pass needs to know of the step it is part of. Read-only; no distributed state is global.
struct StepContext {
  std::int64_t step = -1;
  const char* phase = "forward";  // "forward" | "prepass" | "eval" | ...; goes into headers and failure reports
};

/// Statistics of one sparse layer over the local rows of one micro-batch, by group of rows G: one group (all rows), or one
/// per sequence when the balance loss is per sequence. E router rows, C child rows (0 without families).
struct SlotStatistics {
  std::string path;                  // e.g. "layers.3.feed_forward"
  at::Tensor probability_sum;        // [G, E] sum over rows of the router's probabilities; differentiable
  at::Tensor counts;                 // [G, E] int64, (token, k) pairs routed, before any drop
  at::Tensor child_probability_sum;  // [G, C] sum over pairs at a child's parent of the child's probability; differentiable
  at::Tensor child_counts;           // [G, C] int64
  at::Tensor z_sum;                  // sum over rows of logsumexp(logits)^2; differentiable
  at::Tensor expert_counts;          // [experts] int64, rows computed per global expert, after drops
  at::Tensor dropped;                // [1] int64, (token, k) pairs over capacity
};

struct SlotOutput {
  at::Tensor y;  // [N, D]
  std::optional<SlotStatistics> statistics;
};

class FeedForward {
 public:
  virtual ~FeedForward() = default;
  /// Rows x [N, D] -> [N, D]. Every rank calls it in every pass, with zero rows if need be.
  virtual SlotOutput forward(const at::Tensor& x, const RowTable& rows, const StepContext& context) = 0;
  /// Appends the parameters in their canonical order.
  virtual void collect(std::vector<Parameter*>& parameters) = 0;
};

}  // namespace sluice
