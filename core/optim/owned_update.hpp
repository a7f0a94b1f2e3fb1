// One AdamW step of the part of a flat buffer that a rank owns, leaf by leaf.
#pragma once

#include "core/nn/element_range.hpp"
#include "core/nn/parameter.hpp"
#include "core/ops/adamw.hpp"
#include "core/optim/update_counts.hpp"

#include <cstdint>

namespace sluice {

/// Leaves come in the order in which they lie in the buffer. Neighbours that are updated alike are updated together, as one range, by
/// the time finish() returns; what lies between leaves is not touched.
class OwnedUpdate {
 public:
  /// operands: of the elements `owned` of the buffer.
  OwnedUpdate(const ElementRange& owned, ops::AdamwOperands operands) : owned_(owned), operands_(std::move(operands)) {}

  /// A leaf of a parameter that begins at element `first` of the buffer. counts: its updates, the present one included.
  void add(std::int64_t first, const Leaf& leaf, const UpdateCounts& counts, const ops::AdamwStep& step);
  void finish();

 private:
  void update_slices(const ElementRange& part, std::int64_t leaf_begin, std::int64_t columns, const UpdateCounts& counts,
                     const ops::AdamwStep& step) const;
  ops::AdamwOperands operands_of(const ElementRange& part, at::IntArrayRef shape) const;

  ElementRange owned_;
  ops::AdamwOperands operands_;
  // What waits for neighbours with the same numbers.
  ElementRange run_;
  std::int64_t run_updates_ = 0;
  ops::AdamwStep run_step_;
};

}  // namespace sluice
