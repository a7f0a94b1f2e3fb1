#include "recipes/stages/dense_origin.hpp"

namespace sluice::recipes {

DenseOrigin DenseOrigin::grown(std::int64_t copies) const {
  DenseOrigin origin{layers, {}};
  for (const std::int64_t shard : shard_of_expert)
    origin.shard_of_expert.insert(origin.shard_of_expert.end(), static_cast<std::size_t>(copies), shard);
  return origin;
}

std::map<std::string, at::Tensor> to_tensors(const DenseOrigin& origin, const std::vector<std::string>& slots) {
  std::map<std::string, at::Tensor> tensors;
  tensors["origin/shards"] = at::tensor(origin.shard_of_expert, at::kLong);
  for (std::size_t i = 0; i < slots.size(); ++i) {
    tensors["origin/gate_up/" + slots[i]] = origin.layers[i].gate_up;
    tensors["origin/down/" + slots[i]] = origin.layers[i].down;
  }
  return tensors;
}

}  // namespace sluice::recipes
