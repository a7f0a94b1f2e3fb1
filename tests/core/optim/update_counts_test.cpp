// Counts of updates over what conversions do to leaves.
#include "core/optim/update_counts.hpp"

#include "core/base/error.hpp"
#include "tests/support/catch.hpp"

using namespace sluice;
using Numbers = std::vector<std::int64_t>;

TEST_CASE("a leaf has one count until slices of it start over") {
  UpdateCounts counts(7);
  counts.count_update();
  CHECK(counts == UpdateCounts(8));
  counts.restart(1, 5, {4, 1});
  counts.count_update();
  CHECK(!counts.whole());
  CHECK(counts.dim() == 1);
  CHECK(counts.updates() == Numbers{9, 1, 9, 9, 1});
  counts.restart(1, 5, {1});
  CHECK(counts.updates() == Numbers{9, 0, 9, 9, 1});
  CHECK_THROWS_AS(counts.restart(0, 3, {0}), Error);
  counts.restart(1, 5, {0, 1, 2, 3, 4});
  CHECK(counts == UpdateCounts(0));
  CHECK(UpdateCounts(1, {3, 3}) == UpdateCounts(3));
}

TEST_CASE("counts follow the rows and columns that a new leaf is made of") {
  CHECK(UpdateCounts(4).of_part({2, 0, 1}, 3, 2) == UpdateCounts(4));
  CHECK(UpdateCounts(4).of_part({-1, -1}, 0, 2) == UpdateCounts(0));
  CHECK(UpdateCounts(4).of_part({0, -1, 1}, 0, 2) == UpdateCounts(0, {4, 0, 4}));
  const UpdateCounts rows(0, {5, 6, 6});
  CHECK(rows.of_part({2, 2, 0}, 1, 1) == UpdateCounts(0, {6, 6, 5}));
  CHECK(rows.of_part({1, 2}, 0, 9) == UpdateCounts(6));
  CHECK(rows.of_part({0, -1}, 0, 9) == UpdateCounts(0, {5, 0}));
  const UpdateCounts columns(1, {5, 6, 6, 7});
  CHECK(columns.of_part({1, 0}, 2, 2) == UpdateCounts(1, {6, 7}));
  CHECK(columns.of_part({1, 0}, 1, 2) == UpdateCounts(6));
  CHECK(columns.of_part({1, -1}, 1, 2) == UpdateCounts(0, {6, 0}));
  CHECK_THROWS_AS(columns.of_part({1, -1}, 0, 2), Error);
}
