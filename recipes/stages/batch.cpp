#include "recipes/stages/batch.hpp"

#include "core/tensor/host_integers.hpp"

#include <algorithm>
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
  // Ids, then targets, in one copy to the device.
  std::vector<std::int64_t> both(static_cast<std::size_t>(2 * rows));
  auto id = both.begin(), target = both.begin() + rows;
  auto token = batch.tokens.begin() + before;
  for (const std::int64_t length : lengths) {
    id = std::copy(token, token + length, id);
    target = std::copy(token + 1, token + length + 1, target);
    token += length + 1;
  }
  const at::Tensor on_device = integers_on(device, both, {2, rows});
  return {{on_device[0], RowTable(lengths, {sample, sample + count}, device)}, on_device[1]};
}

}  // namespace sluice::recipes
