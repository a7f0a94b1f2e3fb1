// Row counts that products of experts are made with. A library that compiles a kernel for each shape (oneDNN does for bfloat16) would
// otherwise compile for nearly every expert of every step: how many rows an expert gets is never twice the same.
#pragma once

#include <cstdint>

namespace sluice::ops {

/// The least number of the grid that is `rows` or more: multiples of 16 to 256 (a tile of AMX has 16 rows), then sixteen equal steps
/// to each doubling. Rows added are fewer than 16, or than a sixteenth of `rows` beyond 256; the grid has 144 numbers up to 65,536. 0
/// stays 0.
std::int64_t grid_rows(std::int64_t rows);

}  // namespace sluice::ops
