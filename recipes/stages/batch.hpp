// The sequences of a step that one rank computes, and a micro-batch of them in the form that a model takes.
#pragma once

#include "core/models/model.hpp"

#include <cstdint>
#include <vector>

namespace sluice::recipes {

/// This rank's part of a global batch. Sequence b has lengths[b] + 1 tokens. All but its last are inputs, called rows; the target of a row
/// is the token after it.
struct LocalBatch {
  std::vector<std::int32_t> tokens;          // of all sequences, one after the other
  std::vector<std::int64_t> lengths;         // [sequences], rows of each
  std::vector<std::int64_t> sample_indices;  // [sequences], global sample index of each
  std::int64_t global_rows = 0;              // rows of the whole step, over all ranks

  std::int64_t sequences() const { return static_cast<std::int64_t>(lengths.size()); }

  /// A batch of sequences of equal length. tokens [sample_indices.size(), length + 1]; the whole step has `global_sequences` sequences.
  static LocalBatch of_length(std::int64_t length, std::vector<std::int32_t> tokens, std::vector<std::int64_t> sample_indices,
                              std::int64_t global_sequences);
};

struct ModelInput {
  Batch batch;
  at::Tensor targets;  // int64 [N]
};

/// Sequences [begin, begin + count) of a batch, for a model that lives on `device`.
ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count, at::Device device);

}  // namespace sluice::recipes
