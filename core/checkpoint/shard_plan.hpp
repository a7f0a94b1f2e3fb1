// Decides how a model's tensors are divided among files. This depends on the tensors and a size limit only, never on ranks, so a checkpoint
// has the same files on every layout. Names follow Hugging Face: model.safetensors, or model-00001-of-00007.safetensors and so on with an
// index, model.safetensors.index.json.
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
  std::string stem;           // beginning of the file names, "model"
  std::vector<Shard> shards;  // at least one, which may be empty of tensors
  std::uint64_t total_bytes = 0;
  std::uint64_t total_parameters = 0;

  bool single_file() const { return shards.size() == 1; }
  /// model.safetensors.index.json. There is an index only if there are several files.
  std::string index_name() const { return fmt::format("{}{}.index.json", stem, kModelFileEnding); }
  /// The text of the index: for each tensor the file that it is in, and the totals.
  std::string index_json() const;
};

/// Takes the tensors in natural order of their names, whatever order they are given in, and begins a new file whenever the next tensor
/// would raise the file above `max_bytes`. A tensor larger than that gets a file of its own. Data error for a name that occurs twice or a
/// shape without a possible size.
ShardPlan plan_shards(std::vector<TensorInfo> tensors, std::uint64_t max_bytes = kDefaultShardBytes, const std::string& stem = "model");

/// Returns the rank that writes file number `index` (from 0) of `files`: floor(index * world_size / files). With fewer files than ranks,
/// the writers are spread evenly over the ranks, so that nodes share the work. With more, each rank writes files with consecutive numbers.
int writing_rank(std::size_t index, std::size_t files, int world_size);

}  // namespace sluice::checkpoint
