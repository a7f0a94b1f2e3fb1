// The dense feed-forwards that a sparse model's experts were made of, kept to compare the experts with them later, also after growth and
// flattening. They are part of the run's state; a model that starts sparse has none.
// Legend: E experts, S shards that a dense feed-forward was cut into (1 for copies), F expert width, D model width.
#pragma once

#include "core/tensor/tensor.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace sluice::recipes {

struct DenseOrigin {
  struct Layer {
    at::Tensor gate_up, down;  // [S, 2F, D], [S, D, F], as the conversion scaled them, in the model's element type
  };
  std::vector<Layer> layers;                  // by sparse layer, the same on every rank
  std::vector<std::int64_t> shard_of_expert;  // [E]

  /// The origin of a grown model that has `copies` of each expert, one beside the other.
  DenseOrigin grown(std::int64_t copies) const;
};

/// The tensors that a checkpoint's state stores: "origin/shards" [E], "origin/gate_up/SLOT" [S, 2F, D] and "origin/down/SLOT" [S, D, F] for
/// each SLOT in `slots`, the paths of the sparse feed-forwards.
std::map<std::string, at::Tensor> to_tensors(const DenseOrigin& origin, const std::vector<std::string>& slots);

}  // namespace sluice::recipes
