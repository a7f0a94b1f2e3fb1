// The dense feed-forwards that a sparse model's experts were made of: what they are compared with from then on, through growth and
// flattening. Part of the run's state; a model that starts sparse has none.
// Legend: E experts, S shards (1 for copies), F expert width, D model width.
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

  /// Of a model whose experts are `copies` of each expert of this one's, side by side.
  DenseOrigin grown(std::int64_t copies) const;
};

/// As tensors of a checkpoint's state: "origin/shards" [E], "origin/gate_up/SLOT", "origin/down/SLOT". `slots`: the sparse ones' paths.
std::map<std::string, at::Tensor> to_tensors(const DenseOrigin& origin, const std::vector<std::string>& slots);

}  // namespace sluice::recipes
