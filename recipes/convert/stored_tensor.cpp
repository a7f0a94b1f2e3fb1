#include "recipes/convert/stored_tensor.hpp"

#include <cstring>

namespace sluice::recipes {
namespace {

// place(element of ours, element of the part as stored) for each.
template <class Place>
void for_each_element(const StoredPart& part, const Place& place) {
  const std::int64_t rows = part.tensor.shape[0], columns = part.tensor.shape[1];
  for (std::int64_t i = 0; i < rows; ++i) {
    const std::int64_t row = part.rows.empty() ? i : part.rows[static_cast<std::size_t>(i)];
    for (std::int64_t j = 0; j < columns; ++j) place(i * columns + j, part.transposed ? j * rows + row : row * columns + j);
  }
}

}  // namespace

std::vector<std::byte> from_stored(const StoredPart& part, std::span<const std::byte> stored, std::size_t element_size) {
  if (!part.is_rearranged()) return {stored.begin(), stored.end()};
  std::vector<std::byte> bytes(stored.size());
  for_each_element(part, [&](std::int64_t ours, std::int64_t there) {
    std::memcpy(bytes.data() + static_cast<std::size_t>(ours) * element_size,
                stored.data() + static_cast<std::size_t>(there) * element_size, element_size);
  });
  return bytes;
}

std::vector<std::byte> to_stored(const StoredPart& part, std::span<const std::byte> ours, std::size_t element_size) {
  if (!part.is_rearranged()) return {ours.begin(), ours.end()};
  std::vector<std::byte> bytes(ours.size());
  for_each_element(part, [&](std::int64_t here, std::int64_t there) {
    std::memcpy(bytes.data() + static_cast<std::size_t>(there) * element_size, ours.data() + static_cast<std::size_t>(here) * element_size,
                element_size);
  });
  return bytes;
}

}  // namespace sluice::recipes
