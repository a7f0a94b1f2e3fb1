#include "core/nn/row_table.hpp"

#include "core/tensor/host_integers.hpp"

#include <algorithm>

namespace sluice {
RowTable::RowTable(const std::vector<std::int64_t>& lengths, const std::vector<std::int64_t>& samples, at::Device device,
                   std::int64_t first_position, Modality modality) {
  std::vector<std::int64_t> sequence, sample, position;
  for (std::size_t b = 0; b < lengths.size(); ++b) {
    for (std::int64_t i = 0; i < lengths[b]; ++i) position.push_back(first_position + i);
    offsets_.push_back(offsets_.back() + lengths[b]);
    sequence.resize(position.size(), static_cast<std::int64_t>(b));
    sample.resize(position.size(), samples[b]);
    last_position_ = std::max(last_position_, position.back());
  }
  // All columns in one copy to the device.
  std::vector<std::int64_t> all = std::move(sequence);
  all.insert(all.end(), sample.begin(), sample.end());
  all.insert(all.end(), position.begin(), position.end());
  const at::Tensor columns = integers_on(device, all, {3, rows()});
  sequence_ = columns[0];
  sample_ = columns[1];
  position_ = columns[2];
  modality_ = at::full({rows()}, static_cast<std::int64_t>(modality), position_.options().dtype(at::kChar));
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
