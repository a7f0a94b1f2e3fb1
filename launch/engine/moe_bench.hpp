// Times forward and backward of one sparse (MoE) layer and of a dense SwiGLU of the same active width, top_k * expert_hidden_size.
#pragma once

#include "core/base/dtype.hpp"
#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <functional>

namespace sluice {

/// `rows` is the number of tokens in a pass.
struct MoeBenchShape {
  std::int64_t rows = 0, hidden_size = 0, expert_hidden_size = 0, num_experts = 0, top_k = 0;
  DType dtype = DType::kFloat32;
};

struct MoeBenchResult {
  double moe_seconds = 0.0, dense_seconds = 0.0;                   // medians
  double ratio = 0.0, lower_quartile = 0.0, upper_quartile = 0.0;  // dense_seconds / moe_seconds of each round
  // Bytes that forward keeps for backward, divided by the rows: tensors and the integer routing plan. The layer's input and output are not
  // counted: they belong to its neighbours.
  double moe_kept_bytes_per_token = 0.0, dense_kept_bytes_per_token = 0.0;
  double fullest_expert = 0.0;  // rows of the expert with the most rows / mean rows of an expert
};

/// Measures `repeats` rounds after three that warm up. A round times both layers, one after the other, on the same rows; which of them
/// comes first alternates from round to round. A device is waited for at both ends of a time.
MoeBenchResult bench_moe(const MoeBenchShape& shape, std::int64_t repeats, at::Device device);

/// Bytes of CPU tensors that `work` allocates on this thread, less those it frees on this thread, from the reports of LibTorch's allocator.
std::int64_t bytes_kept_by(const std::function<void()>& work);

}  // namespace sluice
