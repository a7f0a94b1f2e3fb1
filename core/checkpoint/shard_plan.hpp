// How tensors are cut into files: a pure function of the tensors and a size cap, never of ranks, so that a checkpoint's files are
// the same on every layout. Names follow Hugging Face: model.safetensors, or model-00001-of-00007.safetensors … with
// model.safetensors.index.json.
#pragma once

#include "core/checkpoint/container.hpp"
#include "core/checkpoint/tensor_info.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <vector>

namespace sluice::checkpoint {

inline constexpr std::uint64_t kDefaultShardBytes = 5'000'000'000;

struct Shard {
  std::string file;
  std::vector<TensorInfo> tensors;  // in natural order of their names
  std::uint64_t bytes = 0;          // of the tensors, without the header
};

struct ShardPlan {
  std::string stem;
  std::vector<Shard> shards;  // at least one
  std::uint64_t total_bytes = 0;
  std::uint64_t total_parameters = 0;

  bool single_file() const { return shards.size() == 1; }
  /// model.safetensors.index.json; written only if there are several files.
  std::string index_name() const { return fmt::format("{}{}.index.json", stem, kModelFileEnding); }
  std::string index_json() const;
};

/// Tensors in natural order of their names (whatever the order given), each file filled up to `max_bytes`; a larger tensor has a
/// file of its own. Data error on a name that occurs twice or a shape that has no size.
ShardPlan plan_shards(std::vector<TensorInfo> tensors, std::uint64_t max_bytes = kDefaultShardBytes, const std::string& stem = "model");

/// The one rank that writes file `index` of `files`: spread over the world, so that nodes share the work when files are fewer
/// than ranks, and consecutive otherwise.
int writing_rank(std::size_t index, std::size_t files, int world_size);

}  // namespace sluice::checkpoint
