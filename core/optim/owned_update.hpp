// One AdamW step for the part of a flat buffer that a rank owns, leaf by leaf.
#pragma once

#include "core/nn/element_range.hpp"
#include "core/nn/parameter.hpp"
#include "core/ops/adamw.hpp"
#include "core/optim/update_counts.hpp"

#include <cstdint>

namespace sluice {

/// Leaves must be added in the order in which they lie in the buffer. Neighbours with the same numbers are updated together, as one range.
/// All updates are done when finish() returns. Elements between leaves are not touched.
class OwnedUpdate {
 public:
  /// `operands` are the value, gradient, moments and, if there is one, bfloat16 copy of the elements `owned` of the buffer; `control` is of
  /// the whole step.
  OwnedUpdate(const ElementRange& owned, ops::AdamwOperands operands, ops::AdamwControl control)
      : owned_(owned), operands_(std::move(operands)), control_(std::move(control)) {}

  /// Adds a leaf of the parameter that begins at element `first` of the buffer. `counts` are the leaf's updates, this one included. Only
  /// the owned elements are updated.
  void add(std::int64_t first, const Leaf& leaf, const UpdateCounts& counts, const ops::AdamwStep& step);
  /// Does the updates that are still waiting for neighbours.
  void finish();

 private:
  void update_slices(const ElementRange& part, std::int64_t leaf_begin, std::int64_t columns, const UpdateCounts& counts,
                     const ops::AdamwStep& step) const;
  ops::AdamwOperands operands_of(const ElementRange& part, at::IntArrayRef shape) const;

  ElementRange owned_;
  ops::AdamwOperands operands_;
  ops::AdamwControl control_;
  // The range that waits for neighbours, and the numbers that these must share.
  ElementRange run_;
  std::int64_t run_updates_ = 0;
  ops::AdamwStep run_step_;
};

}  // namespace sluice
