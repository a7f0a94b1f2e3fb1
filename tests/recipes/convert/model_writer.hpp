// Writes the model part of a checkpoint with random weights, as a save does.
#pragma once

#include "core/base/files.hpp"
#include "core/base/random.hpp"
#include "core/checkpoint/safetensors.hpp"
#include "core/checkpoint/shard_plan.hpp"
#include "recipes/convert/model_config.hpp"

#include <cstring>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace sluice::recipes {

/// Small random numbers of the tensor's type, a function of the canonical name alone; norms lie around 1. Zeros where it is none of ours.
inline std::vector<std::byte> random_weights(const StoredTensor& tensor) {
  const bool ours = !tensor.parts.empty();
  const std::uint64_t key = random_key(17, ours ? tensor.parts.front().tensor.name : "");
  const auto count = *checkpoint::element_count(tensor.info.shape);
  const bool norm = ours && tensor.parts.front().tensor.id.is_norm();
  std::vector<std::byte> bytes(*checkpoint::byte_count(tensor.info.type, tensor.info.shape));
  for (std::uint64_t i = 0; ours && i < count; ++i) {
    const auto value = static_cast<float>((norm ? 1.0 : 0.0) + 0.1 * random_normal(key, i));
    // The upper half of a float32 is a bfloat16 (rounded towards zero).
    if (tensor.info.type == checkpoint::StoredType::kBF16)
      std::memcpy(bytes.data() + 2 * i, reinterpret_cast<const std::byte*>(&value) + 2, 2);
    else std::memcpy(bytes.data() + 4 * i, &value, 4);
  }
  return bytes;
}

/// Tensors by canonical name, and the files in `folder`.
inline std::map<std::string, std::vector<std::byte>> write_model(const std::filesystem::path& folder, const ModelDescription& model,
                                                                 std::uint64_t shard_bytes) {
  std::filesystem::create_directories(folder);
  std::map<std::string, std::vector<std::byte>> bytes;
  std::map<std::string, const StoredTensor*> by_stored_name;
  const std::vector<StoredTensor> stored = stored_tensors(model);
  std::vector<checkpoint::TensorInfo> infos;
  for (const StoredTensor& tensor : stored) {
    infos.push_back(tensor.info);
    by_stored_name[tensor.info.name] = &tensor;
    if (!tensor.parts.empty()) bytes[tensor.parts.front().tensor.name] = random_weights(tensor);
  }
  const checkpoint::ShardPlan plan = checkpoint::plan_shards(infos, shard_bytes);
  for (const checkpoint::Shard& shard : plan.shards) {
    checkpoint::SafetensorsWriter writer(folder / shard.file, checkpoint::plan_safetensors(shard.tensors));
    for (const checkpoint::TensorInfo& info : shard.tensors) writer.write(info.name, random_weights(*by_stored_name.at(info.name)));
    writer.finish();
  }
  if (!plan.single_file()) write_file_atomically(folder / plan.index_name(), plan.index_json());
  write_file_atomically(folder / "config.json", config_json(model));
  write_file_atomically(folder / "generation_config.json", generation_config_json(model));
  write_file_atomically(folder / "tokenizer_config.json", tokenizer_config_json("<|endoftext|>", model.decoder.max_position_embeddings));
  return bytes;
}

}  // namespace sluice::recipes
