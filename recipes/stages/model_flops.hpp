// How much of the processors' matrix speed a step uses (MFU, Chowdhery et al., 2022: PaLM, appendix B).
#pragma once

#include "core/shape/decoder_config.hpp"
#include "parallel/comm/communicator.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sluice::recipes {

/// Floating-point operations of one token, forward and backward: 6 per weight of `active` (count_parameters) that multiplies it (embedding rows are looked up,
/// not multiplied) and 12 L T H h of attention, the mask not subtracted. What is computed twice counts once.
double flops_per_token(const DecoderConfig& config, std::int64_t active, std::int64_t seq_length);

/// Collective. Matrix products of 1024^3 in the type that `dtype` is computed in, all ranks at once, the best of five: the sum over
/// ranks in operations a second.
double measure_peak_flops(parallel::Communicator& world, at::ScalarType dtype);

}  // namespace sluice::recipes
