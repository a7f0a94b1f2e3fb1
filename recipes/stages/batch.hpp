// The sequences of a step that a rank computes, and a micro-batch of them as a model takes it.
#pragma once

#include "core/models/model.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

/// This rank's part of a global batch. Sequence b has lengths[b] rows, whose targets are the tokens behind them: it has lengths[b] + 1 tokens.
struct LocalBatch {
  std::vector<std::int32_t> tokens;          // of one sequence after the other
  std::vector<std::int64_t> lengths;         // [sequences]
  std::vector<std::int64_t> sample_indices;  // [sequences], global
  std::int64_t global_rows = 0;              // of the whole step, over all ranks

  std::int64_t sequences() const { return static_cast<std::int64_t>(lengths.size()); }

  /// Sequences of one length: tokens [sample_indices.size(), length + 1], of `global_sequences` in the whole step.
  static LocalBatch of_length(std::int64_t length, std::vector<std::int32_t> tokens, std::vector<std::int64_t> sample_indices,
                              std::int64_t global_sequences);
};

struct ModelInput {
  Batch batch;
  at::Tensor targets;  // int64 [N]
};

/// Sequences [begin, begin + count) of a batch, for a model that lives on `device`.
ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count, at::Device device = at::kCPU);

}  // namespace sluice::recipes
