// core/kernels/row_plan.hpp on a CUDA device. Each function starts its work on the stream and does not wait for it. Counts are added up
// with atomic operations on integers, whose order changes nothing; all places follow from the order of the entries.
#pragma once

#include "core/kernels/cuda/stream.hpp"

#include <cstdint>

namespace sluice::kernels::cuda {

/// How many int64 numbers expert_slots() needs as `scratch` for N * K = `entries`.
std::int64_t expert_slots_scratch(std::int64_t entries, std::int64_t E);
/// As on the CPU, but all N * K places of `order` are written: dropped entries, and those whose expert is outside [0, E), come last and
/// have the slot -1.
void expert_slots(const std::int64_t* experts, std::int64_t entries, std::int64_t E, std::int64_t* counts, std::int64_t* order,
                  std::int64_t* slot, std::int64_t* scratch, Stream stream);

/// As on the CPU, for B sequences. `scratch` is memory for B * E int32 numbers.
void within_capacity(const std::int64_t* experts, const std::int64_t* sequence, const std::int64_t* capacity, std::int64_t N,
                     std::int64_t K, std::int64_t E, std::int64_t B, std::int64_t* kept, std::int32_t* scratch, Stream stream);

}  // namespace sluice::kernels::cuda
