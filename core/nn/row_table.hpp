// Which token each row of a forward pass is. The rows of one sequence follow those of the sequence before. Sequences may differ in length,
// and only tokens that are present are rows: there is no padding. Legend: N rows, B sequences.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace sluice {

enum class Modality : std::int8_t { kText };

class RowTable {
 public:
  /// A table without rows.
  RowTable() : RowTable({}, {}, at::kCPU) {}
  /// Sequence b has lengths[b] rows, at least one, at the positions first_position, first_position + 1, ... It belongs to the sample whose
  /// global index is samples[b]. The columns are made on `device`.
  RowTable(const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& samples, at::Device device,
           std::int64_t first_position = 0, Modality modality = Modality::kText);

  std::int64_t rows() const { return offsets_.back(); }
  std::int64_t sequences() const { return static_cast<std::int64_t>(offsets_.size()) - 1; }
  /// [B + 1]: the first row of each sequence, and then N.
  const std::vector<std::int64_t>& offsets() const { return offsets_; }
  /// The length of every sequence if all have the same; nothing if they differ. Without sequences it is 1.
  std::optional<std::int64_t> common_length() const;
  /// The highest position of any row; -1 without rows.
  std::int64_t last_position() const { return last_position_; }

  // Columns, [N] each.
  const at::Tensor& sample() const { return sample_; }      // int64, global index of the sample
  const at::Tensor& position() const { return position_; }  // int64, position in the sequence
  const at::Tensor& modality() const { return modality_; }  // int8, a Modality
  const at::Tensor& sequence() const { return sequence_; }  // int64, number of the sequence, 0 .. B - 1

  /// Returns the same rows with all positions raised by `by`, as if they came after `by` tokens in a cache.
  RowTable moved(std::int64_t by) const;

 private:
  std::vector<std::int64_t> offsets_ = {0};
  std::int64_t last_position_ = -1;
  at::Tensor sample_, position_, modality_, sequence_;
};

}  // namespace sluice
