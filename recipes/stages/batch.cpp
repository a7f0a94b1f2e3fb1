#include "recipes/stages/batch.hpp"

#include <numeric>

namespace sluice::recipes {

LocalBatch LocalBatch::of_length(std::int64_t length, std::vector<std::int32_t> tokens, std::vector<std::int64_t> sample_indices,
                                 std::int64_t global_sequences) {
  LocalBatch batch;
  batch.tokens = std::move(tokens);
  batch.lengths.assign(sample_indices.size(), length);
  batch.sample_indices = std::move(sample_indices);
  batch.global_rows = global_sequences * length;
  return batch;
}

ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count, at::Device device) {
  const auto first = batch.lengths.begin() + begin;
  const std::vector<std::int64_t> lengths(first, first + count);
  const auto sample = batch.sample_indices.begin() + begin;
  const std::int64_t before = std::accumulate(batch.lengths.begin(), first, begin),
                     rows = std::accumulate(lengths.begin(), lengths.end(), std::int64_t{0});
  std::vector<std::int64_t> ids, targets;
  ids.reserve(static_cast<std::size_t>(rows));
  targets.reserve(static_cast<std::size_t>(rows));
  auto token = batch.tokens.begin() + before;
  for (const std::int64_t length : lengths) {
    ids.insert(ids.end(), token, token + length);
    targets.insert(targets.end(), token + 1, token + length + 1);
    token += length + 1;
  }
  const auto on_device = [&](const std::vector<std::int64_t>& integers) { return at::tensor(integers, at::kLong).to(device); };
  return {{on_device(ids), RowTable(lengths, {sample, sample + count}, 0, Modality::kText, device)}, on_device(targets)};
}

}  // namespace sluice::recipes
