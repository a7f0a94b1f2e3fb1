// For the model FLOPs utilization (MFU): the share of the processors' speed of matrix products that a step uses (Chowdhery et al., 2022:
// PaLM, appendix B).
#pragma once

#include "core/shape/decoder_config.hpp"
#include "parallel/comm/communicator.hpp"

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace sluice::recipes {

/// Floating-point operations for one token, forward and backward: 6 for each of its `active` parameters (count_parameters), but none for
/// the rows of an untied embedding, which are looked up and not multiplied; and 12 L T H h for attention, with L layers, T = seq_length, H
/// heads of size h, the causal mask not subtracted. What is computed a second time counts once.
double flops_per_token(const DecoderConfig& config, std::int64_t active, std::int64_t seq_length);

/// Collective. The speed of matrix products, in operations a second, summed over the ranks. All ranks multiply square matrices at the same
/// time, 1024 wide on a CPU and 8192 on a GPU, in the type that products of the model's element type are computed in; the best of five
/// counts. `options` are element type and device of the model.
double measure_peak_flops(parallel::Communicator& world, const at::TensorOptions& options);

}  // namespace sluice::recipes
