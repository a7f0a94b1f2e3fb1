#include "recipes/convert/stored_tensor.hpp"

#include "tests/support/catch.hpp"

#include <cstring>

using namespace sluice;
using namespace sluice::recipes;

namespace {

StoredPart part_of(std::int64_t rows, std::int64_t columns) {
  StoredPart part;
  part.tensor.shape = {rows, columns};
  return part;
}

std::vector<std::byte> bytes_of(const std::vector<float>& values) {
  std::vector<std::byte> bytes(values.size() * sizeof(float));
  std::memcpy(bytes.data(), values.data(), bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("what is stored in our order is taken as it is") {
  const auto bytes = bytes_of({1, 2, 3, 4, 5, 6});
  CHECK(from_stored(part_of(2, 3), bytes, sizeof(float)) == bytes);
  CHECK(to_stored(part_of(2, 3), bytes, sizeof(float)) == bytes);
}

TEST_CASE("a transposed part comes back transposed, a permuted one in our order of rows") {
  StoredPart part = part_of(2, 3);
  part.transposed = true;
  CHECK(from_stored(part, bytes_of({1, 4, 2, 5, 3, 6}), sizeof(float)) == bytes_of({1, 2, 3, 4, 5, 6}));
  part.transposed = false;
  part.rows = {1, 0};
  CHECK(from_stored(part, bytes_of({4, 5, 6, 1, 2, 3}), sizeof(float)) == bytes_of({1, 2, 3, 4, 5, 6}));
  part.transposed = true;
  CHECK(from_stored(part, bytes_of({4, 1, 5, 2, 6, 3}), sizeof(float)) == bytes_of({1, 2, 3, 4, 5, 6}));
}

TEST_CASE("what is written is read back") {
  const auto ours = bytes_of({1, 2, 3, 4, 5, 6, 7, 8});
  for (const bool transposed : {false, true}) {
    for (const std::vector<std::int64_t>& rows : {std::vector<std::int64_t>{}, {2, 0, 3, 1}}) {
      StoredPart part = part_of(4, 2);
      part.transposed = transposed;
      part.rows = rows;
      const auto stored = to_stored(part, ours, sizeof(float));
      CHECK((stored == ours) == !part.is_rearranged());
      CHECK(from_stored(part, stored, sizeof(float)) == ours);
    }
  }
}
