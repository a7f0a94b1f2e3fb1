#include "core/nn/row_table.hpp"

#include <algorithm>

namespace sluice {
namespace {

at::Tensor column(const std::vector<std::int64_t>& values, at::Device device) {
  return at::tensor(values, at::TensorOptions().dtype(at::kLong)).to(device);
}

}  // namespace

RowTable::RowTable(const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& samples, std::int64_t first_position, Modality modality,
                   at::Device device) {
  std::vector<std::int64_t> sequences, begins;
  for (const std::int64_t length : lengths) {
    sequences.push_back(static_cast<std::int64_t>(sequences.size()));
    begins.push_back(offsets_.back());
    offsets_.push_back(offsets_.back() + length);
    last_position_ = std::max(last_position_, first_position + length - 1);
  }
  const at::Tensor repeats = column(lengths, device);
  const auto by_row = [&](const std::vector<std::int64_t>& of_sequence) {
    return column(of_sequence, device).repeat_interleave(repeats, 0, rows());
  };
  sequence_ = by_row(sequences);
  sample_ = by_row(samples);
  position_ = at::arange(first_position, first_position + rows(), repeats.options()) - by_row(begins);
  modality_ = at::full({rows()}, static_cast<std::int64_t>(modality), repeats.options().dtype(at::kChar));
}

std::optional<std::int64_t> RowTable::common_length() const {
  if (sequences() == 0) return 1;
  const std::int64_t length = offsets_[1];
  for (std::size_t b = 1; b + 1 < offsets_.size(); ++b)
    if (offsets_[b + 1] - offsets_[b] != length) return std::nullopt;
  return length;
}

RowTable RowTable::moved(std::int64_t by) const {
  RowTable table = *this;
  if (rows() == 0 || by == 0) return table;
  table.position_ = position_ + by;
  table.last_position_ += by;
  return table;
}

}  // namespace sluice
