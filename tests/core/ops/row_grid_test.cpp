#include "core/ops/row_grid.hpp"

#include "tests/support/catch.hpp"

#include <set>

using sluice::ops::grid_rows;

TEST_CASE("the grid of row counts is coarse enough to be small and fine enough to waste little") {
  CHECK(grid_rows(0) == 0);
  CHECK(grid_rows(1) == 16);
  CHECK(grid_rows(128) == 128);
  CHECK(grid_rows(129) == 144);
  CHECK(grid_rows(257) == 272);
  CHECK(grid_rows(513) == 544);
  CHECK(grid_rows(65536) == 65536);
  std::set<std::int64_t> grid;
  bool holds = true;
  for (std::int64_t rows = 1; rows <= 65536; ++rows) {
    const std::int64_t padded = grid_rows(rows);
    holds = holds && padded >= rows && padded >= grid_rows(rows - 1) && grid_rows(padded) == padded && padded % 16 == 0;
    holds = holds && (rows <= 256 ? padded - rows < 16 : 16 * (padded - rows) < rows);
    grid.insert(padded);
  }
  CHECK(holds);
  CHECK(grid.size() == 144);
  CHECK(grid_rows((std::int64_t{1} << 40) + 1) == 17 * (std::int64_t{1} << 36));
}
