// What each row of a pass is. Rows lie sequence after sequence; sequences may be of unequal length, and only present tokens are rows:
// there is no padding. Legend: N rows, B sequences.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace sluice {

enum class Modality : std::int8_t { kText };

class RowTable {
 public:
  /// No rows.
  RowTable() : RowTable({}, {}) {}
  /// Sequence b has lengths[b] rows, at least one, of the sample whose global index is samples[b], at positions first_position, +1, ...
  /// Columns are on `device`.
  RowTable(const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& samples, std::int64_t first_position = 0,
           Modality modality = Modality::kText, at::Device device = at::kCPU);

  std::int64_t rows() const { return offsets_.back(); }
  std::int64_t sequences() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  /// [B + 1]: where the rows of each sequence begin; the last is N.
  const std::vector<std::int64_t>& offsets() const { return offsets_; }
  /// The length of all sequences, if they have one; any where there are none.
  std::optional<std::int64_t> common_length() const;
  /// The highest position, -1 without rows.
  std::int64_t last_position() const { return last_position_; }

  // Columns, [N].
  const at::Tensor& sample() const { return sample_; }      // int64, global
  const at::Tensor& position() const { return position_; }  // int64, in its sequence
  const at::Tensor& modality() const { return modality_; }  // int8, a Modality
  const at::Tensor& sequence() const { return sequence_; }  // int64, 0 .. B - 1

  /// The same rows, `by` positions later: behind what a cache holds.
  RowTable moved(std::int64_t by) const;

 private:
  std::vector<std::int64_t> offsets_ = {0};
  std::int64_t last_position_ = -1;
  at::Tensor sample_, position_, modality_, sequence_;
};

}  // namespace sluice
