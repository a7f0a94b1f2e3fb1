// One sparse layer against the dense SwiGLU of equal active width, forward and backward, measured in turn.
#pragma once

#include "core/base/dtype.hpp"

#include <cstdint>

namespace sluice {

struct MoeBenchShape {
  std::int64_t rows = 0, hidden_size = 0, expert_hidden_size = 0, num_experts = 0, top_k = 0;
  DType dtype = DType::kFloat32;
};

struct MoeBenchResult {
  double moe_seconds = 0.0, dense_seconds = 0.0;              // medians
  double ratio = 0.0, lower_quartile = 0.0, upper_quartile = 0.0;  // dense_seconds / moe_seconds of each round
  // What forward leaves for backward, tensors and the integer plan; input and output are the neighbours' and not counted.
  double moe_kept_bytes_per_token = 0.0, dense_kept_bytes_per_token = 0.0;
  double fullest_expert = 0.0;  // its rows / mean rows of an expert
};

/// `repeats` rounds of dense and sparse on the same rows, after three to warm up; who begins changes from round to round.
MoeBenchResult bench_moe(const MoeBenchShape& shape, std::int64_t repeats);

}  // namespace sluice
