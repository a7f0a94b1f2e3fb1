// The sequences of a step that a rank computes, and a micro-batch of them as a model takes it.
#pragma once

#include "core/nn/feed_forward.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

/// This rank's part of a global batch.
struct LocalBatch {
  std::vector<std::int32_t> tokens;           // [sequences, length + 1], row-major
  std::vector<std::int64_t> sample_indices;   // [sequences], global
  std::int64_t length = 0;                    // T
  std::int64_t global_sequences = 0;          // of the whole step, over all ranks

  std::int64_t sequences() const { return static_cast<std::int64_t>(sample_indices.size()); }
};

struct ModelInput {
  at::Tensor ids, targets;  // int64 [count * T]
  RowTable rows;
};

/// Sequences [begin, begin + count) of a batch.
ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count);

}  // namespace sluice::recipes
