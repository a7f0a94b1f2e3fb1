#include "core/optim/update_counts.hpp"

#include "core/base/error.hpp"

#include <algorithm>

namespace sluice {

UpdateCounts::UpdateCounts(std::int64_t dim, std::vector<std::int64_t> updates) : dim_(dim), updates_(std::move(updates)) {
  if (std::adjacent_find(updates_.begin(), updates_.end(), std::not_equal_to<>()) != updates_.end()) return;
  dim_ = 0;
  updates_.resize(1);
}

void UpdateCounts::count_update() {
  for (std::int64_t& updates : updates_) ++updates;
}

void UpdateCounts::restart(std::int64_t dim, std::int64_t size, const std::vector<std::int64_t>& index) {
  if (!whole() && dim != dim_)
    throw usage_error("updates are counted along dimension {}: slices along dimension {} cannot start over", dim_, dim);
  std::vector<std::int64_t> updates = whole() ? std::vector<std::int64_t>(static_cast<std::size_t>(size), updates_[0]) : updates_;
  for (const std::int64_t i : index) updates[static_cast<std::size_t>(i)] = 0;
  *this = UpdateCounts(dim, std::move(updates));
}

UpdateCounts UpdateCounts::of_part(const std::vector<std::int64_t>& rows, std::int64_t begin, std::int64_t count) const {
  const auto fresh = static_cast<std::size_t>(std::count(rows.begin(), rows.end(), -1));
  if (fresh == rows.size()) return UpdateCounts(0);
  if (!whole() && dim_ == 1) {
    const UpdateCounts columns(1, {updates_.begin() + begin, updates_.begin() + begin + count});
    if (fresh == 0) return columns;
    if (!columns.whole())
      throw usage_error("updates are counted along columns: {} of {} rows cannot be without moments", fresh, rows.size());
    return columns.of_part(rows, 0, count);
  }
  std::vector<std::int64_t> updates;
  for (const std::int64_t row : rows) updates.push_back(row < 0 ? 0 : updates_[whole() ? 0 : static_cast<std::size_t>(row)]);
  return UpdateCounts(0, std::move(updates));
}

}  // namespace sluice
