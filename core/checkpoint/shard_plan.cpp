#include "core/checkpoint/shard_plan.hpp"

#include "core/base/error.hpp"
#include "core/checkpoint/name_order.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace sluice::checkpoint {

std::string ShardPlan::index_json() const {
  nlohmann::json map = nlohmann::json::object();
  for (const Shard& shard : shards)
    for (const TensorInfo& tensor : shard.tensors) map[tensor.name] = shard.file;
  const nlohmann::json index = {{"metadata", {{"total_size", total_bytes}, {"total_parameters", total_parameters}}},
                                {"weight_map", std::move(map)}};
  return index.dump(2) + "\n";
}

ShardPlan plan_shards(std::vector<TensorInfo> tensors, std::uint64_t max_bytes, const std::string& stem) {
  std::sort(tensors.begin(), tensors.end(), [](const TensorInfo& a, const TensorInfo& b) { return natural_less(a.name, b.name); });
  ShardPlan plan;
  plan.stem = stem;
  plan.shards.emplace_back();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const TensorInfo& tensor = tensors[i];
    if (i > 0 && tensors[i - 1].name == tensor.name) throw data_error("checkpoint: tensor '{}' was given twice", tensor.name);
    const auto bytes = byte_count(tensor.type, tensor.shape);
    if (!bytes)
      throw data_error("checkpoint: tensor '{}': {} of shape {} has no possible size", tensor.name, name_of(tensor.type),
                       to_string(tensor.shape));
    if (!plan.shards.back().tensors.empty() && (*bytes > max_bytes || plan.shards.back().bytes > max_bytes - *bytes))
      plan.shards.emplace_back();
    plan.shards.back().bytes += *bytes;
    plan.total_bytes += *bytes;
    plan.total_parameters += *element_count(tensor.shape);
    plan.shards.back().tensors.push_back(tensor);
  }
  for (std::size_t i = 0; i < plan.shards.size(); ++i)
    plan.shards[i].file = plan.single_file() ? fmt::format("{}{}", stem, kModelFileEnding)
                                             : fmt::format("{}-{:05}-of-{:05}{}", stem, i + 1, plan.shards.size(), kModelFileEnding);
  return plan;
}

int writing_rank(std::size_t index, std::size_t files, int world_size) {
  return static_cast<int>(index * static_cast<std::size_t>(world_size) / files);
}

}  // namespace sluice::checkpoint
