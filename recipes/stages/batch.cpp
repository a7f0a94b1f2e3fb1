#include "recipes/stages/batch.hpp"

namespace sluice::recipes {

ModelInput make_input(const LocalBatch& batch, std::int64_t begin, std::int64_t count) {
  const std::int64_t length = batch.length;
  const at::Tensor tokens = at::from_blob(const_cast<std::int32_t*>(batch.tokens.data()) + begin * (length + 1), {count, length + 1}, at::TensorOptions().dtype(at::kInt)).to(at::kLong);
  ModelInput input;
  // contiguous(): windows of one token are a view of every second element, which reshape keeps as it is.
  input.ids = tokens.narrow(1, 0, length).reshape({count * length}).contiguous();
  input.targets = tokens.narrow(1, 1, length).reshape({count * length}).contiguous();
  input.rows.sequences = count;
  input.rows.length = length;
  input.rows.sample_indices.assign(batch.sample_indices.begin() + begin, batch.sample_indices.begin() + begin + count);
  return input;
}

}  // namespace sluice::recipes
