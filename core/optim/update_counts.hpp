// How many updates each part of a leaf has had since its moments were zero: the exponent of Adam's bias correction. One number for a
// whole leaf, or, where a conversion drew part of it anew, one for each of its slices along one dimension (router rows, hidden units).
#pragma once

#include <cstdint>
#include <vector>

namespace sluice {

class UpdateCounts {
 public:
  /// One number for a whole leaf.
  explicit UpdateCounts(std::int64_t updates = 0) : updates_{updates} {}
  /// updates[i] of slice i along `dim` (0 or 1) of the leaf. Equal numbers become one.
  UpdateCounts(std::int64_t dim, std::vector<std::int64_t> updates);

  /// Whether all of the leaf has the same number.
  bool whole() const { return updates_.size() == 1; }
  /// The dimension that the numbers go along; 0 if there is one.
  std::int64_t dim() const { return dim_; }
  /// One number, or one for each slice.
  const std::vector<std::int64_t>& updates() const { return updates_; }

  void count_update();
  /// The slices `index` of `size` along `dim` have no moments any more. Usage error if the numbers go along the other dimension.
  void restart(std::int64_t dim, std::int64_t size, const std::vector<std::int64_t>& index);
  /// The numbers of a new leaf whose row i is this one's row rows[i] (-1: without moments), columns [begin, begin + count). Usage
  /// error if the numbers go along columns and some rows, but not all, are without moments.
  UpdateCounts of_part(const std::vector<std::int64_t>& rows, std::int64_t begin, std::int64_t count) const;

  bool operator==(const UpdateCounts&) const = default;

 private:
  std::int64_t dim_ = 0;
  std::vector<std::int64_t> updates_;
};

}  // namespace sluice
