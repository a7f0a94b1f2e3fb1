#include "core/optim/owned_update.hpp"

#include <algorithm>

namespace sluice {

void OwnedUpdate::add(std::int64_t first, const Leaf& leaf, const UpdateCounts& counts, const ops::AdamwStep& step) {
  const std::int64_t begin = first + leaf.offset;
  const ElementRange part = intersection({begin, begin + leaf.count()}, owned_);
  if (part.count() == 0) return;
  if (!counts.whole()) {
    update_slices(part, begin, leaf.count() / leaf.shape[0], counts, step);
    return;
  }
  const std::int64_t updates = counts.updates()[0];
  if (part.begin != run_.end || updates != run_updates_ || step != run_step_) {
    finish();
    run_ = {part.begin, part.begin};
    run_updates_ = updates;
    run_step_ = step;
  }
  run_.end = part.end;
}

void OwnedUpdate::finish() {
  if (run_.count() > 0) ops::adamw(operands_of(run_, {run_.count()}), ops::corrected(run_step_, run_updates_), control_);
  run_ = {};
}

// Part of a leaf is the rest of a row, whole rows, and the beginning of a row, each of which may be missing: matrices one after the other.
void OwnedUpdate::update_slices(const ElementRange& part, std::int64_t leaf_begin, std::int64_t columns, const UpdateCounts& counts,
                                const ops::AdamwStep& step) const {
  const at::IntArrayRef updates = counts.updates();
  std::int64_t begin = part.begin;
  while (begin < part.end) {
    const std::int64_t row = (begin - leaf_begin) / columns, column = (begin - leaf_begin) % columns;
    const bool whole_rows = column == 0 && part.end - begin >= columns;
    const std::int64_t height = whole_rows ? (part.end - begin) / columns : 1;
    const std::int64_t width = whole_rows ? columns : std::min(columns - column, part.end - begin);
    const ops::AdamwOperands matrix = operands_of({begin, begin + height * width}, {height, width});
    if (counts.dim() == 0)
      ops::adamw_by_row(matrix, updates.slice(static_cast<std::size_t>(row), static_cast<std::size_t>(height)), step, control_);
    else ops::adamw_by_column(matrix, updates.slice(static_cast<std::size_t>(column), static_cast<std::size_t>(width)), step, control_);
    begin += height * width;
  }
}

ops::AdamwOperands OwnedUpdate::operands_of(const ElementRange& part, at::IntArrayRef shape) const {
  const auto of = [&](const at::Tensor& tensor) { return tensor.narrow(0, part.begin - owned_.begin, part.count()).view(shape); };
  return {of(operands_.value), of(operands_.grad), of(operands_.exp_avg), of(operands_.exp_avg_sq),
          operands_.copy.defined() ? of(operands_.copy) : at::Tensor()};
}

}  // namespace sluice
