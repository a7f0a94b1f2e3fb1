#include "core/ops/row_grid.hpp"

#include "core/base/integers.hpp"

#include <bit>

namespace sluice::ops {

std::int64_t grid_rows(std::int64_t rows) {
  if (rows <= 0) return 0;
  const std::int64_t below = static_cast<std::int64_t>(std::bit_floor(static_cast<std::uint64_t>(rows - 1)));  // below < rows <= 2 * below
  const std::int64_t step = below < 256 ? 16 : below / 16;
  return round_up(rows, step);
}

}  // namespace sluice::ops
