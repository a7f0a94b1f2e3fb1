// The numbers of rows to which the products of experts are padded. oneDNN compiles a bfloat16 kernel for each shape, and an expert
// hardly ever gets the same number of rows twice: without padding, a kernel would be compiled for nearly every expert in every step.
#pragma once

#include <cstdint>

namespace sluice::ops {

/// Returns the smallest number of the grid that is at least `rows`; 0 gives 0. Up to 256 the grid has the multiples of 16 (a tile of AMX
/// has 16 rows); beyond, it has sixteen equal steps to each doubling, so that less than a sixteenth of `rows` is added. Up to 65,536 the
/// grid has 144 numbers.
std::int64_t grid_rows(std::int64_t rows);

}  // namespace sluice::ops
