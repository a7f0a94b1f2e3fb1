// How many updates each part of a leaf has had since its moments were zero. This is the exponent of Adam's bias correction. It is one
// number for a whole leaf. If a conversion drew part of the leaf anew, it is one number for each slice along one dimension (rows of a
// router, hidden units of an expert).
#pragma once

#include <cstdint>
#include <vector>

namespace sluice {

class UpdateCounts {
 public:
  /// One number for a whole leaf.
  explicit UpdateCounts(std::int64_t updates = 0) : updates_{updates} {}
  /// updates[i] is the number of slice i along dimension `dim` (0 or 1) of the leaf. If all are equal, one number is kept.
  UpdateCounts(std::int64_t dim, std::vector<std::int64_t> updates);

  /// Whether all of the leaf has the same number.
  bool whole() const { return updates_.size() == 1; }
  /// The dimension along which the slices lie; 0 if there is one number.
  std::int64_t dim() const { return dim_; }
  /// One number, or one for each slice.
  const std::vector<std::int64_t>& updates() const { return updates_; }

  /// Adds 1 to every number.
  void count_update();
  /// Sets the numbers of the slices `index`, of `size` slices along `dim`, to 0, because their moments were set to zero. Usage error if
  /// there are numbers along the other dimension.
  void restart(std::int64_t dim, std::int64_t size, const std::vector<std::int64_t>& index);
  /// Returns the numbers of a new leaf made of this one: its row i is row rows[i] of this leaf, columns begin .. begin + count - 1, and has
  /// no moments if rows[i] is -1. Usage error if the numbers lie along columns and differ, and some rows, but not all, have no moments.
  UpdateCounts of_part(const std::vector<std::int64_t>& rows, std::int64_t begin, std::int64_t count) const;

  bool operator==(const UpdateCounts&) const = default;

 private:
  std::int64_t dim_ = 0;
  std::vector<std::int64_t> updates_;
};

}  // namespace sluice
